// Command fakerouter is a stand-in for OpenRouter: it streams answers of any
// size and speed to any model's name, for load tests and demonstrations.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"dreamchat/pkg/llm/llmtest"
)

const usage = `fakerouter speaks OpenRouter's wire and answers every prompt with as many
chunks as it is told.

  fakerouter -addr :4100 -chunks 400 -chunk-bytes 5 -delay 20ms

Point dreamchat at it:

  OPENROUTER_BASE_URL=http://localhost:4100/v1 OPENROUTER_API_KEY=any dreamchat serve

A prompt may ask for its own answer: "fake: chunks=5 bytes=20 delay=1s first=2s",
or for an error: "fake: status=429".

Flags:
`

func main() {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if err := run(os.Args[1:], log); err != nil {
		log.Error("fakerouter", "error", err)
		os.Exit(1)
	}
}

func run(args []string, log *slog.Logger) error {
	flags := flag.NewFlagSet("fakerouter", flag.ContinueOnError)
	flags.Usage = func() {
		_, _ = fmt.Fprint(flags.Output(), usage)
		flags.PrintDefaults()
	}
	var load llmtest.Load
	addr := flags.String("addr", ":4100", "`address` to listen on")
	flags.IntVar(&load.Chunks, "chunks", 100, "chunks of an answer")
	flags.IntVar(&load.ChunkBytes, "chunk-bytes", 6, "bytes of text in a chunk")
	flags.DurationVar(&load.Delay, "delay", 20*time.Millisecond, "time between two chunks; 0 for as fast as they are read")
	flags.DurationVar(&load.First, "first", 0, "time before the first chunk")
	flags.StringVar(&load.Comment, "comment", "OPENROUTER PROCESSING", "comment before the first chunk; empty for none")
	flags.Float64Var(&load.ErrorRate, "errors", 0, "part of the requests answered 503, from 0 to 1")
	flags.BoolVar(&load.Stamp, "stamp", false, "begin each chunk's text with its send time, in nanoseconds since 1970")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	return serve(*addr, load, log)
}

func serve(addr string, handler http.Handler, log *slog.Logger) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	server := &http.Server{Addr: addr, Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	log.Info("fakerouter listens", "addr", addr)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
