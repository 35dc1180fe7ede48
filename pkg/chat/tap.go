package chat

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"

	"dreamchat/pkg/problem"
	"dreamchat/pkg/stream"
)

// maxTapped bounds what a caller may leave unread, in bytes.
const maxTapped = 8 << 20

// errTapFull ends a tap whose reader is too slow. The answer goes on.
var errTapFull = problem.TooMany.New("The answer was read too slowly. It goes on, and is kept in its conversation.")

// Tap shows what a provider sends for an answer, as it is sent, to the one caller
// who has asked for it. The answer never waits for that caller. Nothing is shown
// before the events that it makes are: what was shown survives the process. Its
// methods are safe for concurrent use; a nil Tap takes everything and shows
// nothing.
type Tap struct {
	log *stream.Log[Event] // of the answer

	mu       sync.Mutex // guards what follows
	pieces   []tapped
	size     int
	finished bool
	ended    error         // nil while there may be more
	more     chan struct{} // closed at the next change; nil while nobody waits
}

type tapped struct {
	data []byte
	seq  int // of the last event that it, or what came before, has made
}

func newTap(log *stream.Log[Event]) *Tap { return &Tap{log: log} }

// put adds a copy of what the provider sent, unless the tap has ended.
func (t *Tap) put(data []byte, seq int, finish bool) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended != nil {
		return
	}
	if len(t.pieces) > 0 && t.size+len(data) > maxTapped {
		t.ended = errTapFull
		t.wake()
		return
	}
	t.pieces = append(t.pieces, tapped{data: bytes.Clone(data), seq: seq})
	t.size += len(data)
	t.finished = t.finished || finish
	t.wake()
}

// end tells that the answer is stored, or why it is not whole.
func (t *Tap) end(err error) {
	if t == nil {
		return
	}
	if err == nil {
		err = io.EOF
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended == nil {
		t.ended = err
		t.wake()
	}
}

func (t *Tap) wake() {
	if t.more != nil {
		close(t.more)
		t.more = nil
	}
}

// Close tells that nobody reads any more.
func (t *Tap) Close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pieces, t.size = nil, 0
	if t.ended == nil {
		t.ended = errTapFull
		t.wake()
	}
}

// Finished tells whether a finish reason was shown. Without one an answer that
// ended was stopped, or has grown to its bound.
func (t *Tap) Finished() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.finished
}

// Next returns what follows as soon as there is something. At the end it is
// io.EOF for an answer that is stored, and else the problem that ended it; or the
// cause of ctx.
func (t *Tap) Next(ctx context.Context) ([][]byte, error) {
	for {
		shown, more, err := t.peek()
		if more == nil {
			return shown, err
		}
		select {
		case <-more:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// peek is Next without waiting: if there is nothing yet, the channel is closed when
// there may be.
func (t *Tap) peek() (shown [][]byte, more <-chan struct{}, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.pieces) == 0 {
		if t.ended == nil && t.more == nil {
			t.more = make(chan struct{})
		}
		return nil, t.more, t.ended
	}
	_, more, err = t.log.Peek(t.pieces[0].seq - 1)
	if more != nil || err != nil && !errors.Is(err, io.EOF) {
		return nil, more, err
	}
	seen := max(t.log.Len(), t.pieces[0].seq)
	n := 0
	for n < len(t.pieces) && t.pieces[n].seq <= seen {
		shown = append(shown, t.pieces[n].data)
		t.size -= len(t.pieces[n].data)
		n++
	}
	t.pieces = t.pieces[n:]
	return shown, nil, nil
}
