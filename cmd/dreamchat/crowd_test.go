package main_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm/llmtest"
)

// streams is how many streams are open there.
func (p *process) streams() int {
	p.tb.Helper()
	response, err := http.Get(p.URL + "/metrics")
	if err != nil {
		p.tb.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if value, found := strings.CutPrefix(lines.Text(), "dreamchat_streams_open "); found {
			n, err := strconv.Atoi(value)
			if err != nil {
				p.tb.Fatal(err)
			}
			return n
		}
	}
	p.tb.Fatal("the open streams are not told")
	return 0
}

// uncheck leaves the document alone from now on: to hold megabytes to it takes
// longer than to make them.
func (p *pair) uncheck() { p.onA, p.onB = p.onA.unchecked(), p.onB.unchecked() }

// unchecked is the same user, whose exchanges are not held to the document.
func (c *client) unchecked() *client {
	c.tb.Helper()
	transport := &http.Transport{DisableCompression: true}
	c.tb.Cleanup(transport.CloseIdleConnections)
	return &client{url: c.url, session: c.session, tb: c.tb, http: &http.Client{Transport: transport}}
}

func TestAThousandReaders(t *testing.T) {
	t.Parallel()
	const half = 500
	p := newPair(t)
	goOn, text := make(chan struct{}), phrases(20)
	tr := p.ask("Say it to all", slices.Concat(
		flow("content", text, 40, 0), []llmtest.Step{llmtest.Wait(goOn)}, flow("content", text, 40, time.Millisecond), finish())...)
	p.uncheck()
	for _, on := range []*client{p.onA, p.onB} {
		for i := range half {
			tr.add(&reader{name: fmt.Sprintf("reader %d on %s", i, on.url), turns: []*client{on}, open: tr.follow})
		}
	}
	eventually(t, "everybody is there", func() bool { return p.a.streams() >= half && p.b.streams() >= half })
	close(goOn)
	if answer := tr.settle(chat.StatusComplete); answer.Content != text+text {
		t.Error("what is stored is not what the provider said")
	}
	p.quiet()
}

// Who stops reading is cut, and nobody waits for them.
func TestAReaderThatStopsReading(t *testing.T) {
	t.Parallel()
	p := newPair(t, "STREAM_WRITE_TIMEOUT=1s")
	p.uncheck()
	goOn, end := make(chan struct{}), make(chan struct{})
	// JSON takes six bytes for each of these: more than systems buffer.
	wide := strings.Repeat("\x01", 1<<20)
	script := append(flow("content", phrase, 7, 0), llmtest.Wait(goOn))
	for piece := range slices.Chunk([]byte(wide), 32<<10) {
		script = append(script, llmtest.Text(string(piece)))
	}
	script = append(script, llmtest.Wait(end))
	tr := p.ask("Say more than anybody reads", append(script, finish()...)...)
	tr.reach(length(phrase))
	stalled := []net.Conn{tr.stall(p.a, p.onA), tr.stall(p.b, p.onB)}
	eventually(t, "they are there", func() bool { return p.a.streams()+p.b.streams() == len(tr.readers)+len(stalled) })
	close(goOn)
	tr.reach(length(phrase + wide))
	eventually(t, "they are cut", func() bool { return p.a.streams()+p.b.streams() == len(tr.readers) })
	close(end)
	if answer := tr.settle(chat.StatusComplete); answer.Content != phrase+wide {
		t.Error("what is stored is not what the provider said")
	}
	for _, conn := range stalled {
		rest, err := io.ReadAll(conn)
		if err != nil && !errors.Is(err, syscall.ECONNRESET) {
			t.Error(err)
		}
		if n := len(rest); n > 6*len(wide) || strings.Contains(string(rest), "stream_complete") || strings.HasSuffix(string(rest), "0\r\n\r\n") {
			t.Errorf("the connection was ended in good order, after %d bytes", n)
		}
	}
	p.quiet()
}

// stall opens the stream as somebody who takes little of it and then no more.
func (tr *trial) stall(on *process, user *client) net.Conn {
	tr.t.Helper()
	dialer := net.Dialer{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		const small = 4 << 10
		return errors.Join(raw.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, small)
		}), err)
	}}
	conn, err := dialer.DialContext(tr.t.Context(), "tcp", strings.TrimPrefix(on.URL, "http://"))
	if err != nil {
		tr.t.Fatal(err)
	}
	tr.t.Cleanup(func() { _ = conn.Close() })
	_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n",
		tr.follow("").path, user.session.AccessToken)
	if err != nil {
		tr.t.Fatal(err)
	}
	status := make([]byte, len("HTTP/1.1 200"))
	if _, err := io.ReadFull(conn, status); err != nil || string(status) != "HTTP/1.1 200" {
		tr.t.Fatalf("%s, %v", status, err)
	}
	return conn
}
