package main_test

import (
	"context"
	"math"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// cutSeed decides where connections are cut. The environment variable CUT_SEED
// repeats a run.
func cutSeed(tb testing.TB) uint64 {
	tb.Helper()
	seed := rand.Uint64()
	if told := os.Getenv("CUT_SEED"); told != "" {
		var err error
		if seed, err = strconv.ParseUint(told, 10, 64); err != nil {
			tb.Fatalf("CUT_SEED: %v", err)
		}
	}
	tb.Logf("CUT_SEED=%d", seed)
	tb.Cleanup(func() {
		if tb.Failed() {
			tb.Errorf("run it again with CUT_SEED=%d", seed)
		}
	})
	return seed
}

// tally counts the cuts of several cutters.
type tally struct {
	// Enough is closed when there are as many as wanted.
	Enough <-chan struct{}

	mu     sync.Mutex
	wanted int
	cuts   int
	enough chan struct{}
}

func newTally(wanted int) *tally {
	enough := make(chan struct{})
	return &tally{Enough: enough, wanted: wanted, enough: enough}
}

func (t *tally) count() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cuts++; t.cuts == t.wanted {
		close(t.enough)
	}
}

func (t *tally) total() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.cuts
}

// cutter is a TCP proxy that cuts every connection: after a number of bytes or
// some time, whichever comes first, politely or with a reset. One reader uses
// it, so that its seed decides what that reader goes through.
type cutter struct {
	// URL leads to the targets by turns, one connection each.
	URL string

	tally   *tally
	targets []string
	seed    uint64
	name    uint64

	mu      sync.Mutex
	reached int
	waiting map[int]chan struct{}
}

// cut starts a cutter, which ends with the test. The targets are base URLs.
// Cutters of the same seed and another name cut elsewhere.
func cut(tb testing.TB, seed, name uint64, tally *tally, targets ...string) *cutter {
	tb.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	c := &cutter{
		URL: "http://" + listener.Addr().String(), tally: tally,
		targets: targets, seed: seed, name: name, waiting: make(map[int]chan struct{}),
	}
	var connections sync.WaitGroup
	connections.Go(func() {
		for number := 0; ; number++ {
			client, err := listener.Accept()
			if err != nil {
				return // the test is over
			}
			connections.Go(func() { c.serve(tb.Context(), client.(*net.TCPConn), number) })
		}
	})
	tb.Cleanup(func() {
		listener.Close()
		connections.Wait()
	})
	return c
}

// Answered returns a channel that is closed once this many connections have
// brought the reader an answer, or the beginning of one.
func (c *cutter) Answered(times int) <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting[times] == nil {
		c.waiting[times] = make(chan struct{})
		if times <= c.reached {
			close(c.waiting[times])
		}
	}
	return c.waiting[times]
}

func (c *cutter) answered() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reached++
	if waiting := c.waiting[c.reached]; waiting != nil {
		close(waiting)
	}
}

func (c *cutter) serve(ctx context.Context, client *net.TCPConn, number int) {
	defer client.Close()
	server, err := net.Dial("tcp", strings.TrimPrefix(c.targets[number%len(c.targets)], "http://"))
	if err != nil {
		return // the target is away
	}
	defer server.Close()
	defer context.AfterFunc(ctx, func() {
		client.Close()
		server.Close()
	})()
	decide := rand.New(rand.NewPCG(c.seed, c.name<<32|uint64(number)))
	w := &wire{
		// From within the request to far beyond the largest frame.
		budget: int(math.Exp2(9 + 6*decide.Float64())),
		time:   time.Duration(20+decide.IntN(130)) * time.Millisecond,
		hasty:  decide.IntN(8) == 0,
	}
	if w.hasty {
		w.time = time.Duration(decide.IntN(10)) * time.Millisecond
	}
	reset := decide.IntN(2) == 0
	w.sever = sync.OnceFunc(func() {
		c.tally.count()
		if reset {
			_ = client.SetLinger(0) // fails on a closed connection only
		}
		client.Close()
		server.Close()
	})
	var up sync.WaitGroup
	up.Go(func() { w.copy(server, client, w.asked) })
	w.copy(client, server, sync.OnceFunc(func() {
		w.start()
		c.answered()
	}))
	up.Wait()
	w.end()
}

// wire is one connection through a cutter.
type wire struct {
	sever func()
	// time is how long it lasts from the first byte of the answer on, or from
	// that of the question if it is hasty.
	time  time.Duration
	hasty bool

	mu     sync.Mutex
	budget int // bytes until it is cut, both ways together
	late   *time.Timer
}

func (w *wire) asked() {
	if w.hasty {
		w.start()
	}
}

func (w *wire) start() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.late == nil {
		w.late = time.AfterFunc(w.time, w.sever)
	}
}

func (w *wire) copy(to, from net.Conn, passed func()) {
	defer to.Close()
	buffer := make([]byte, 4<<10)
	for {
		n, err := from.Read(buffer)
		allowed := w.take(n)
		if _, failed := to.Write(buffer[:allowed]); failed != nil {
			return
		}
		if allowed > 0 {
			passed()
		}
		if allowed < n {
			w.sever()
			return
		}
		if err != nil {
			return
		}
	}
}

// take is how many of n bytes may still pass.
func (w *wire) take(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n = min(n, w.budget)
	w.budget -= n
	return n
}

func (w *wire) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.late != nil {
		w.late.Stop()
	}
}
