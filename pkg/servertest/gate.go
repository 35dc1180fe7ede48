//go:build unix

package servertest

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// Gate stands between a client and a server. It passes bytes on while it is open,
// as it is at first. Its methods are safe for concurrent use.
type Gate struct {
	target   string
	listener net.Listener
	state    atomic.Int32
	knocks   atomic.Int32
	wait     sync.WaitGroup
	mu       sync.Mutex
	conns    map[net.Conn]bool
}

const (
	open int32 = iota
	shut
	silent
)

// NewGate stands before the server at an address, until the end of the test.
func NewGate(tb testing.TB, target string) *Gate {
	tb.Helper()
	listener, err := net.Listen("tcp", loopback(0))
	must(tb, err, "open a gate")
	g := &Gate{target: target, listener: listener, conns: map[net.Conn]bool{}}
	g.wait.Go(g.accept)
	tb.Cleanup(func() {
		listener.Close()
		g.Shut()
		g.wait.Wait()
	})
	return g
}

// Addr is where clients find the gate.
func (g *Gate) Addr() string { return g.listener.Addr().String() }

// Open passes bytes on again. Every connection begins anew.
func (g *Gate) Open() { g.turn(open) }

// Shut hangs up on everybody, now and when they come.
func (g *Gate) Shut() { g.turn(shut) }

// FallSilent keeps the connections and passes nothing on any more.
func (g *Gate) FallSilent() { g.state.Store(silent) }

// Knocks counts the connections that came while the gate was not open.
func (g *Gate) Knocks() int { return int(g.knocks.Load()) }

func (g *Gate) turn(state int32) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.state.Store(state)
	for conn := range g.conns {
		conn.Close()
	}
	clear(g.conns)
}

func (g *Gate) accept() {
	for {
		conn, err := g.listener.Accept()
		if err != nil {
			return
		}
		if g.state.Load() != open {
			g.knocks.Add(1)
		}
		if !g.hold(conn) {
			continue
		}
		server, err := net.Dial("tcp", g.target)
		if err != nil || !g.hold(server) {
			conn.Close()
			continue
		}
		g.wait.Go(func() { g.pass(conn, server) })
		g.wait.Go(func() { g.pass(server, conn) })
	}
}

func (g *Gate) hold(conn net.Conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.state.Load() == shut {
		conn.Close()
		return false
	}
	g.conns[conn] = true
	return true
}

func (g *Gate) pass(from, to net.Conn) {
	defer to.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if g.state.Load() == silent {
			_, _ = io.Copy(io.Discard, from) // until either side hangs up
			return
		}
		if _, failed := to.Write(buffer[:n]); failed != nil || err != nil {
			return
		}
	}
}
