package relay_test

import (
	"io"
	"net"
	"sync"
	"testing"
)

// gate stands between an instance and Redis. Shut, it hangs up on everybody.
type gate struct {
	target   string
	listener net.Listener
	wait     sync.WaitGroup

	mu    sync.Mutex
	open  bool
	conns map[net.Conn]bool
}

func newGate(t testing.TB, target string) *gate {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{target: target, listener: listener, open: true, conns: map[net.Conn]bool{}}
	g.wait.Go(g.accept)
	t.Cleanup(func() {
		listener.Close()
		g.turn(false)
		g.wait.Wait()
	})
	return g
}

// turn opens or shuts the gate. Shutting it ends every connection.
func (g *gate) turn(open bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.open = open
	if open {
		return
	}
	for conn := range g.conns {
		conn.Close()
	}
	clear(g.conns)
}

func (g *gate) accept() {
	for {
		conn, err := g.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", g.target)
		if err != nil {
			conn.Close()
			continue
		}
		if g.hold(conn, server) {
			g.wait.Go(func() { pass(conn, server) })
			g.wait.Go(func() { pass(server, conn) })
		}
	}
}

func (g *gate) hold(conns ...net.Conn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, conn := range conns {
		if !g.open {
			conn.Close()
			continue
		}
		g.conns[conn] = true
	}
	return g.open
}

func pass(from, to net.Conn) {
	defer to.Close()
	_, _ = io.Copy(to, from) // until either side hangs up
}
