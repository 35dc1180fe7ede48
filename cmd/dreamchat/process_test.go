package main_test

import (
	"bytes"
	"context"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// limit is how long anything may take before a test fails. It is less than the
// silence after which any instance closes an answer that nobody makes.
const limit = 20 * time.Second

// eventually asks again and again until something holds.
func eventually(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	deadline := time.After(limit)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			tb.Fatalf("never: %s", what)
		case <-tick.C:
		}
	}
}

// process is the command, running.
type process struct {
	// URL is where it listens, Port is the same.
	URL, Port string

	tb             testing.TB
	command        *exec.Cmd
	stdout, stderr output
	exited         chan struct{}
}

// start runs the command and returns once it listens. The environment holds
// nothing but what is given: "NAME=value". The port is any free one.
func start(tb testing.TB, folder string, environment ...string) *process {
	tb.Helper()
	p := launch(tb, folder, environment)
	p.listening()
	return p
}

// launch runs the command and does not wait for it. It is killed at the end of
// the test.
func launch(tb testing.TB, folder string, environment []string, arguments ...string) *process {
	tb.Helper()
	p := &process{tb: tb, command: exec.Command(binary, arguments...), exited: make(chan struct{})}
	p.command.Dir = folder
	// The race detector would wait for a second at the end of each process.
	p.command.Env = append([]string{"PORT=0", "GORACE=atexit_sleep_ms=0"}, environment...)
	p.command.Stdout, p.command.Stderr = &p.stdout, &p.stderr
	p.command.SysProcAttr = notOrphaned()
	if err := p.command.Start(); err != nil {
		tb.Fatal(err)
	}
	go func() {
		_ = p.command.Wait() // code tells
		close(p.exited)
	}()
	tb.Cleanup(func() {
		p.kill()
		if said := p.stderr.String(); strings.Contains(said, "DATA RACE") || strings.Contains(said, "panic") {
			tb.Errorf("the command said:\n%s", said)
		}
	})
	return p
}

var address = regexp.MustCompile(`listening on (http://[a-z0-9.]+:(\d+)) `)

// listening waits until the welcome is out.
func (p *process) listening() {
	p.tb.Helper()
	eventually(p.tb, "the command listens", func() bool {
		select {
		case <-p.exited:
			p.tb.Fatalf("the command ended with code %d:\n%s", p.command.ProcessState.ExitCode(), p.stderr.String())
		default:
		}
		found := address.FindStringSubmatch(p.stdout.String())
		if found != nil {
			p.URL, p.Port = found[1], found[2]
		}
		return found != nil
	})
}

// terminate asks the command to end.
func (p *process) terminate() {
	p.tb.Helper()
	p.signal(syscall.SIGTERM)
}

func (p *process) signal(signal syscall.Signal) {
	p.tb.Helper()
	if err := p.command.Process.Signal(signal); err != nil {
		p.tb.Fatal(err)
	}
}

// pause makes the command stand still, as a machine that is suspended. The signal
// takes effect only when one of its threads gets the processor.
func (p *process) pause() {
	p.tb.Helper()
	p.signal(syscall.SIGSTOP)
	eventually(p.tb, "the command stands still", func() bool {
		var status syscall.WaitStatus
		_, err := syscall.Wait4(p.command.Process.Pid, &status, syscall.WUNTRACED|syscall.WNOHANG, nil)
		return err == nil && status.Stopped()
	})
}

// resume lets the command go on after a pause.
func (p *process) resume() {
	p.tb.Helper()
	p.signal(syscall.SIGCONT)
}

// running tells whether the command has not ended.
func (p *process) running() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// kill ends the command as a crash would.
func (p *process) kill() {
	_ = p.command.Process.Kill() // unless it has ended
	<-p.exited
}

// code waits for the end of the command and returns its exit code, -1 if a
// signal has ended it.
func (p *process) code() int {
	p.tb.Helper()
	ctx, cancel := context.WithTimeout(p.tb.Context(), limit)
	defer cancel()
	select {
	case <-p.exited:
	case <-ctx.Done():
		p.tb.Fatalf("the command does not end:\n%s", p.stderr.String())
	}
	return p.command.ProcessState.ExitCode()
}

// stop ends the command in good order.
func (p *process) stop() {
	p.tb.Helper()
	p.terminate()
	if code := p.code(); code != 0 {
		p.tb.Errorf("the command ended with code %d:\n%s", code, p.stderr.String())
	}
}

// said is the end of a command that was run.
type said struct {
	code           int
	stdout, stderr string
}

// execute runs the command to its end.
func execute(tb testing.TB, folder string, environment []string, arguments ...string) said {
	tb.Helper()
	p := launch(tb, folder, environment, arguments...)
	code := p.code()
	return said{code: code, stdout: p.stdout.String(), stderr: p.stderr.String()}
}

// want fails the test unless the command ended with this code and said these
// things, on either output.
func (s said) want(tb testing.TB, code int, parts ...string) {
	tb.Helper()
	if s.code != code {
		tb.Errorf("exit code %d, want %d", s.code, code)
	}
	for _, part := range parts {
		if !strings.Contains(s.stdout+s.stderr, part) {
			tb.Errorf("%q was not said", part)
		}
	}
	if tb.Failed() {
		tb.Logf("stdout:\n%s\nstderr:\n%s", s.stdout, s.stderr)
	}
}

// output can be read while it is written.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (o *output) Write(text []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(text)
}

// String is what was written so far.
func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
