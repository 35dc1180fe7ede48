//go:build unix

// Package servertest gives tests a real PostgreSQL and a real Redis. It knows
// nothing of what is stored in them.
//
// Where a server comes from, in this order:
//
//  1. TEST_DATABASE_URL names a PostgreSQL server whose user may create
//     databases; TEST_REDIS_URL names a Redis server that is kept for tests,
//     since its databases 1 and up are emptied.
//  2. The binaries of an installed PostgreSQL and Redis, of which a private
//     server is started on a free port, without durability, in a temporary folder.
//  3. As root on a machine with apt-get, the packages postgresql and
//     redis-server are installed first.
//
// Otherwise the test fails and says what to install. Private servers end, and
// their folders go, when the test binary ends in whatever way.
package servertest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

const (
	startTimeout = 30 * time.Second
	pollInterval = 5 * time.Millisecond
)

// process is a server that is running.
type process struct {
	command  *exec.Cmd
	guardian *exec.Cmd
	stop     syscall.Signal
}

// guard waits until the test binary closes its end of the pipe, which the
// kernel does even if it crashes, and then cleans up after it.
const guard = `read -r _
kill -s "$1" "$2"
for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$2" || break; sleep 0.2; done
rm -rf "$3"`

// launch starts a server whose files are in folder. It writes its log there.
func launch(command *exec.Cmd, stop syscall.Signal, folder string) (*process, error) {
	log, err := os.OpenFile(logFile(folder), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the server has its own descriptor
	command.Dir, command.Stdout, command.Stderr = folder, log, log
	if command.SysProcAttr == nil {
		command.SysProcAttr = &syscall.SysProcAttr{}
	}
	command.SysProcAttr.Setpgid = true // an interrupt from the keyboard is not for it
	if err := command.Start(); err != nil {
		return nil, err
	}
	p := &process{command: command, stop: stop}
	if err := p.startGuardian(folder); err != nil {
		return nil, errors.Join(err, p.kill())
	}
	return p, nil
}

func (p *process) startGuardian(folder string) error {
	signal := map[syscall.Signal]string{syscall.SIGTERM: "TERM", syscall.SIGQUIT: "QUIT"}[p.stop]
	p.guardian = exec.Command("sh", "-c", guard, "guard", signal, strconv.Itoa(p.command.Process.Pid), folder)
	p.guardian.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if _, err := p.guardian.StdinPipe(); err != nil {
		return err
	}
	return p.guardian.Start()
}

// kill ends the server at once and leaves its files.
func (p *process) kill() error {
	if p.guardian != nil && p.guardian.Process != nil {
		_ = p.guardian.Process.Kill()
		_ = p.guardian.Wait() // says that it was killed
	}
	if err := p.command.Process.Signal(p.stop); err != nil {
		return err
	}
	err := p.command.Wait()
	if _, ok := errors.AsType[*exec.ExitError](err); ok {
		return nil
	}
	return err
}

// await polls until the server answers.
func await(folder string, answers func() error) error {
	deadline := time.Now().Add(startTimeout)
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		err := answers()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("the server does not answer: %w\n%s", err, lastWords(folder))
		}
		<-ticker.C
	}
}

func logFile(folder string) string { return filepath.Join(folder, "server.log") }

func lastWords(folder string) []byte {
	log, err := os.ReadFile(logFile(folder))
	if err != nil {
		return nil
	}
	const enough = 2000
	return bytes.TrimSpace(log[max(0, len(log)-enough):])
}

// freePort is a loopback port that nobody listens on now. It lies below the
// ports that systems give to clients, one of which could take it while the
// server is stopped.
func freePort() (int, error) {
	const lowest, count, tries = 15000, 15000, 100
	for range tries {
		port := lowest + rand.IntN(count)
		listener, err := net.Listen("tcp", loopback(port))
		if err == nil {
			return port, listener.Close()
		}
	}
	return 0, errors.New("no free port was found")
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func must(tb testing.TB, err error, doing string) {
	tb.Helper()
	if err != nil {
		tb.Fatalf("servertest: %s: %v", doing, err)
	}
}
