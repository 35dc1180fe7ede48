package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"dreamchat/pkg/servertest"
)

// lab is what all sections share.
type lab struct {
	plan                  plan
	buildFlags            []string
	databaseURL, redisURL string
	progress              io.Writer

	dir    string // programs and data, gone at the end
	client *http.Client
}

// run measures what the plan asks for and prints the table.
func (l *lab) run(ctx context.Context, out io.Writer) (err error) {
	if err := l.plan.check(); err != nil {
		return err
	}
	if err := l.fitLimits(); err != nil {
		return err
	}
	if l.dir, err = os.MkdirTemp("", "loadtest-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(l.dir)) }()
	transport := newTransport()
	defer transport.CloseIdleConnections()
	l.client = &http.Client{Transport: transport}
	rows, err := l.measure(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return err
	}
	return l.print(out, rows)
}

// fitLimits plans for no more streams than this machine lets a process hold.
func (l *lab) fitLimits() error {
	need := l.plan.files()
	allowed, err := allowFiles(need)
	if err != nil {
		return err
	}
	fitting, fewer := l.plan.within(allowed)
	if fitting.files() > allowed {
		return fmt.Errorf("a process needs %d open files and the hard limit is %d: raise it (ulimit -Hn %d)", need, allowed, need)
	}
	if fewer {
		l.note("a process needs %d open files and the hard limit is %d: fewer streams are held open than planned. "+
			"To have all, raise it (ulimit -Hn %d).", need, allowed, need)
	}
	l.plan = fitting
	return nil
}

func (l *lab) measure(ctx context.Context) (rows []*row, err error) {
	if err := l.build(ctx); err != nil {
		return nil, err
	}
	stop, err := l.serve()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	for _, section := range []func(context.Context) ([]*row, error){l.delay, l.throughput, l.memory} {
		measured, err := section(ctx)
		if err != nil {
			return nil, err
		}
		rows = append(rows, measured...)
	}
	return rows, nil
}

func (l *lab) print(out io.Writer, rows []*row) error {
	if err := printTable(out, rows); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, `
Medians of %d runs, the systems taking turns. In parentheses: how many times worse than bare net/http; below 1 it is
better. Unlike the bare relays, dreamchat stores every question and answer in PostgreSQL, and saves running answers every
second. That is counted in; the longer an answer, the less it weighs. On OpenAI's wire nothing is kept of an answer but
what it cost, and each chunk is passed on as it came. With Redis it shows a chunk, to readers of the same
instance too, once Redis holds it: that is what a crash cannot take back. Through the relay, two instances share
PostgreSQL and Redis: one makes the answers, which are read from the other.
A chunk has %d bytes of text, %d where its delay is measured. The delay is that of the chunks sent while all streams
were open. CPU time and memory are those of the relay's process, or of both instances, without PostgreSQL and Redis; of
each stream they hold two connections.
`, l.plan.runs, throughputBytes, delayBytes)
	return err
}

// serve starts the servers that are not given. The caller stops them.
func (l *lab) serve() (stop func() error, err error) {
	if l.databaseURL != "" && l.redisURL != "" {
		return func() error { return nil }, nil
	}
	servers, err := servertest.Start()
	if err != nil {
		return nil, err
	}
	l.databaseURL = cmp.Or(l.databaseURL, servers.DatabaseURL)
	l.redisURL = cmp.Or(l.redisURL, servers.RedisURL)
	return servers.Stop, nil
}

// newTransport is a client's that costs little beside what it measures.
func newTransport() *http.Transport {
	return &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 30 * time.Second}).DialContext,
		DisableCompression:  true,
		MaxIdleConnsPerHost: 1024,
		ReadBufferSize:      8 << 10,
	}
}

// build makes the programs to measure, once.
func (l *lab) build(ctx context.Context) error {
	l.note("building")
	arguments := append([]string{"build", "-buildvcs=false", "-o", l.dir + string(filepath.Separator)}, l.buildFlags...)
	arguments = append(arguments, "dreamchat/cmd/dreamchat", "dreamchat/cmd/fakerouter")
	command := exec.CommandContext(ctx, "go", arguments...)
	if said, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, said)
	}
	return nil
}

// note tells the person who waits what is going on.
func (l *lab) note(format string, args ...any) {
	_, _ = fmt.Fprintf(l.progress, format+"\n", args...)
}

// command is a child without this process's environment, in which there may be
// settings of another server, in a folder without a .env file.
func (l *lab) command(ctx context.Context, path string, args, env []string) *exec.Cmd {
	command := exec.CommandContext(ctx, path, args...)
	command.Dir = l.dir
	command.Env = append([]string{"PATH=" + os.Getenv("PATH")}, env...)
	return command
}
