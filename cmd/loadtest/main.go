// Command loadtest measures the service beside two bare relays that keep
// nothing: what it adds to the delay of a chunk, how many chunks it relays and
// at what cost, and what an open stream takes of memory. It measures one instance
// without Redis, by its own wire and by OpenAI's, one with it, and two that share
// a Redis, through which the answers that one makes are read from the other.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

const description = `Measures dreamchat beside two relays that keep nothing: bare net/http, which copies bytes,
and bare Echo, which scans lines and writes those of one read at once. Dreamchat is measured as one instance without
Redis, by its own wire and by OpenAI's, as one with it, and as two of which one makes the answers and the other is read.

It builds dreamchat and fakerouter, starts each on 127.0.0.1 as a process of its own, plays the clients itself,
and prints a table in Markdown: of each system the median of the runs, which take turns, and how many times worse
than bare net/http it is. Every answer is counted: a lost chunk fails the run.

CPU and memory are read from /proc, so these sections need Linux. Leave the machine alone meanwhile.
The whole takes about twenty minutes on two cores, --quick about two and a half.`

type options struct {
	Quick         bool          `help:"Measure less, once. The figures are rough."`
	Runs          int           `help:"Runs that each median is of (default: 5; 1 if quick)."`
	MemoryStreams []int         `help:"Streams to hold open for the memory section (default: 1000,10000; 1000 if quick)." placeholder:"N,..."`
	Timeout       time.Duration `help:"When to give up." default:"45m"`
	DatabaseURL   string        `help:"DATABASE_URL of dreamchat. What is measured stays in that database. Default: a private PostgreSQL, without durability." env:"LOADTEST_DATABASE_URL" placeholder:"URL"`
	RedisURL      string        `help:"REDIS_URL of dreamchat. Default: a private Redis, without durability." env:"LOADTEST_REDIS_URL" placeholder:"URL"`
}

type cli struct {
	options
	All        struct{} `cmd:"" default:"1" help:"Measure everything. This is the default."`
	Delay      struct{} `cmd:"" help:"Measure the delay from the provider's chunk to the reader's socket."`
	Throughput struct{} `cmd:"" help:"Measure chunks per second when saturated, and CPU time per million chunks."`
	Memory     struct{} `cmd:"" help:"Measure the memory of streams that are open and silent."`
	Relay      relayCmd `cmd:"" hidden:""`
}

func main() {
	var commands cli
	command := kong.Parse(&commands, kong.Name("loadtest"), kong.Description(description))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	if err := commands.run(ctx, command.Command()); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "loadtest: "+err.Error())
		os.Exit(1)
	}
}

func (c *cli) run(ctx context.Context, command string) error {
	if command == "relay" {
		return c.Relay.serve(ctx)
	}
	p := fullPlan()
	if c.Quick {
		p = quickPlan()
	}
	if c.Runs > 0 {
		p.runs = c.Runs
	}
	if len(c.MemoryStreams) > 0 {
		p.memory = c.MemoryStreams
	}
	if command != "all" {
		p = p.only(command)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.Timeout, fmt.Errorf("not done within %s; see --timeout", c.Timeout))
	defer cancel()
	l := &lab{
		plan:        p,
		buildFlags:  []string{"-race=false"},
		databaseURL: c.DatabaseURL,
		redisURL:    c.RedisURL,
		progress:    os.Stderr,
	}
	return l.run(ctx, os.Stdout)
}
