package main_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
	"unicode/utf16"

	"dreamchat/pkg/sse"
)

// retry is when a reader comes again. The server asks for more, which would only
// make the tests longer.
const retry = 20 * time.Millisecond

// reader follows an answer until it is whole, over any number of connections, as
// README.md tells clients to. It fails on anything that a client may rely on not
// to happen.
type reader struct {
	name string
	// turns are whom it asks, in turn.
	turns []*client
	// open is what it asks for, given the id of the last event that it has.
	open func(cursor string) call
	// done is closed when the reader has the terminal event, or err.
	done chan struct{}

	mu     sync.Mutex // guards what follows until done
	cursor string
	held   held
	trail  []point
	// dropped is what it had when it was told to begin again.
	dropped []held
	// told are the reasons given to begin or to come again, in order.
	told      []string
	replayed  int // responses that said so
	messageID string
	last      event
	ended     time.Time
	err       error
}

// call is one request.
type call struct {
	method, path string
	body         any
	headers      []string
}

// held is a text of each kind, in UTF-16 units.
type held map[string][]uint16

func (h held) len() int { return len(h["text"]) + len(h["reasoning"]) }

// point is an event's id and how much of each kind stood then.
type point struct {
	id              string
	text, reasoning int
}

// start begins to follow. The reader has ended when the test ends.
func (r *reader) start(tb testing.TB) *reader {
	r.done = make(chan struct{})
	if r.held == nil {
		r.held = held{}
	}
	ctx, cancel := context.WithCancel(tb.Context())
	go func() {
		defer close(r.done)
		if err := r.run(ctx); err != nil {
			r.mu.Lock()
			r.err = err
			r.mu.Unlock()
		}
	}()
	tb.Cleanup(func() {
		cancel()
		<-r.done
	})
	return r
}

// How a connection ends when nothing is wrong.
var (
	errEnded = errors.New("the answer is whole")
	errAgain = errors.New("come again")
)

func (r *reader) run(ctx context.Context) error {
	for turn := 0; ; turn++ {
		err := r.connect(ctx, r.turns[turn%len(r.turns)])
		if errors.Is(err, errEnded) {
			return nil
		}
		if !errors.Is(err, errAgain) {
			return err
		}
		select {
		case <-time.After(retry):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// connect reads one connection to its end.
func (r *reader) connect(ctx context.Context, on *client) error {
	r.mu.Lock()
	cursor := r.cursor
	r.mu.Unlock()
	asks := r.open(cursor)
	request, err := on.request(ctx, asks.method, asks.path, asks.body, asks.headers...)
	if err != nil {
		return err
	}
	// Streams last longer than other responses may.
	response, err := (&http.Client{Transport: on.http.Transport}).Do(request)
	if err != nil {
		return errAgain // nobody is there
	}
	defer func() { _ = response.Body.Close() }()
	switch {
	case response.StatusCode == http.StatusOK:
	case response.StatusCode == http.StatusServiceUnavailable && asks.method == http.MethodPost:
		return errAgain
	default:
		text, _ := io.ReadAll(response.Body)
		return fmt.Errorf("after %q: status %d: %s", cursor, response.StatusCode, text)
	}
	if response.Header.Get("Idempotency-Replayed") == "true" {
		r.mu.Lock()
		r.replayed++
		r.mu.Unlock()
	}
	return r.read(sse.NewReader(response.Body, 1<<20))
}

func (r *reader) read(events *sse.Reader) error {
	for {
		raw, err := events.Next()
		if err != nil {
			return errAgain // it was cut, or asked to
		}
		got := event{ID: string(raw.ID), Name: string(raw.Name)}
		if err := json.Unmarshal(raw.Data, &got.Data); err != nil {
			return fmt.Errorf("%s: %w: %s", got.Name, err, raw.Data)
		}
		if err := r.take(got); err != nil {
			return fmt.Errorf("event %s: %w", got.ID, err)
		}
	}
}

func (r *reader) take(got event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch got.Name {
	case "stream_reset":
		r.told = append(r.told, got.Data.Reason)
		r.dropped = append(r.dropped, r.held)
		r.held, r.cursor, r.trail = held{}, "", nil
		return nil
	case "stream_reconnect":
		r.told = append(r.told, got.Data.Reason)
		return nil
	}
	if err := follows(r.cursor, got.ID); err != nil {
		return err
	}
	r.cursor, r.messageID = got.ID, got.Data.MessageID
	switch got.Name {
	case "stream_chunk":
		have := r.held[got.Data.Kind]
		if got.Data.Offset != len(have) {
			return fmt.Errorf("it begins at %d, and the text has %d units", got.Data.Offset, len(have))
		}
		r.held[got.Data.Kind] = append(have, utf16.Encode([]rune(got.Data.Chunk))...)
	case "stream_complete", "stream_error":
		r.last, r.ended = got, time.Now()
		return errEnded
	}
	r.trail = append(r.trail, point{got.ID, len(r.held["text"]), len(r.held["reasoning"])})
	return nil
}

// follows is the error of an id that does not come after another.
func follows(before, id string) error {
	var attempt, seq, lastAttempt, lastSeq int
	if _, err := fmt.Sscanf(id, "%d.%d", &attempt, &seq); err != nil {
		return err
	}
	if before == "" {
		return nil
	}
	_, _ = fmt.Sscanf(before, "%d.%d", &lastAttempt, &lastSeq) // it was read before
	if attempt != lastAttempt || seq <= lastSeq {
		return fmt.Errorf("it follows on %s", before)
	}
	return nil
}

// has tells how many UTF-16 units of all kinds the reader has.
func (r *reader) has() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.held.len()
}

// at is what the reader had and the id of its last event after a part of what
// it has seen now, from 0 to 1.
func (r *reader) at(part float64) (held, string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.trail[int(part*float64(len(r.trail)-1))]
	return held{
		"text":      append([]uint16{}, r.held["text"][:p.text]...),
		"reasoning": append([]uint16{}, r.held["reasoning"][:p.reasoning]...),
	}, p.id
}

// was tells whether the reader was told this reason.
func (r *reader) was(reason string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Contains(r.told, reason)
}
