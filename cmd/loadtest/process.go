package main

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

const (
	toListen = 30 * time.Second
	toEnd    = 10 * time.Second
)

// process is a child that listens on a port of its own.
type process struct {
	name  string
	base  string // its URL
	cmd   *exec.Cmd
	said  *tail
	ended chan struct{} // closed when it has ended, for whatever reason
}

// start runs a command and returns once it accepts connections. The command is
// killed when ctx is done.
func start(ctx context.Context, name string, command func(host, port string) *exec.Cmd) (*process, error) {
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	p := &process{name: name, base: "http://" + address, cmd: command(host, port), said: new(tail), ended: make(chan struct{})}
	p.cmd.Stderr = p.said
	p.cmd.SysProcAttr = childAttributes()
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s cannot be started: %w", name, err)
	}
	go func() {
		_ = p.cmd.Wait() // that it ended is told where it is missed
		close(p.ended)
	}()
	if err := p.await(ctx, address); err != nil {
		p.kill()
		return nil, err
	}
	return p, nil
}

// freeAddress is a port of this machine that nobody listens on now.
func freeAddress(ctx context.Context) (string, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// await returns once the process accepts connections.
func (p *process) await(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, toListen, fmt.Errorf("%s does not listen after %s", p.name, toListen))
	defer cancel()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	var dialer net.Dialer
	for {
		if conn, err := dialer.DialContext(ctx, "tcp", address); err == nil {
			return conn.Close()
		}
		select {
		case <-again.C:
		case <-p.ended:
			return p.explain(fmt.Errorf("%s ended: %s", p.name, p.cmd.ProcessState))
		case <-ctx.Done():
			return p.explain(context.Cause(ctx))
		}
	}
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// kill ends the process at once and returns when it has ended.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // or it has ended
	<-p.ended
}

// terminate lets the process tidy up, for a while.
func (p *process) terminate() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // or it has ended
	select {
	case <-p.ended:
	case <-time.After(toEnd):
		p.kill()
	}
}

func terminate(processes []*process) {
	for _, p := range processes {
		p.terminate()
	}
}

// explain adds what the process said last.
func (p *process) explain(err error) error {
	if said := p.said.String(); err != nil && said != "" {
		return fmt.Errorf("%w\n%s said:\n%s", err, p.name, said)
	}
	return err
}

// tail keeps the last of what is written.
type tail struct {
	mu   sync.Mutex
	kept []byte
}

const maxTail = 2 << 10

// Write implements [io.Writer].
func (t *tail) Write(data []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, data...)
	t.kept = t.kept[max(len(t.kept)-maxTail, 0):]
	return len(data), nil
}

// String is what was written last.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.kept)
}
