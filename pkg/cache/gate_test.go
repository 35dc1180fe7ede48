package cache_test

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// gate stands between a client and Redis. It passes bytes on while it is open.
// Shut, it hangs up on everybody; silent, it takes what comes and says nothing.
type gate struct {
	target   string
	url      string // of Redis itself, past the gate
	listener net.Listener
	state    atomic.Int32
	// knocks counts the connections that came while it was not open.
	knocks atomic.Int32
	wait   sync.WaitGroup
	mu     sync.Mutex
	conns  map[net.Conn]bool
}

const (
	open int32 = iota
	shut
	silent
)

func newGate(t testing.TB, target string) *gate {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{target: target, listener: listener, conns: map[net.Conn]bool{}}
	g.wait.Go(g.accept)
	t.Cleanup(func() {
		listener.Close()
		g.turn(shut)
		g.wait.Wait()
	})
	return g
}

func (g *gate) addr() string { return g.listener.Addr().String() }

// turn changes the state and ends every connection, so that all begin anew.
func (g *gate) turn(state int32) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.state.Store(state)
	for conn := range g.conns {
		conn.Close()
	}
	clear(g.conns)
}

// fallSilent keeps the connections and passes nothing on any more.
func (g *gate) fallSilent() { g.state.Store(silent) }

func (g *gate) accept() {
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

func (g *gate) hold(conn net.Conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.state.Load() == shut {
		conn.Close()
		return false
	}
	g.conns[conn] = true
	return true
}

func (g *gate) pass(from, to net.Conn) {
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
