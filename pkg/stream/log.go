// Package stream keeps numbered events that any number of readers can follow
// from any point. A reader is a cursor over a log, not a channel: replay, live
// tail, a slow reader and a reconnection are all the same read. It does not
// know what an event is nor how it travels.
package stream

import (
	"context"
	"errors"
	"io"
	"sync"
)

// ErrSealed is returned by an append to a log that has ended.
var ErrSealed = errors.New("stream: append to a log that has ended")

// Log is an append-only sequence of events. The first event has the number 1;
// a cursor is the number of the last event that a reader has, 0 for none.
//
// One writer appends; any number of readers follow, each at its own pace and
// without a queue of its own. All methods are safe for concurrent use. The
// zero Log is ready.
type Log[E any] struct {
	mu     sync.Mutex
	events []E
	end    error         // nil while the log may grow, io.EOF once sealed
	more   chan struct{} // closed at the next change; nil while nobody waits
}

// Append adds events and wakes every waiting reader once. It returns
// ErrSealed, adding nothing, after Seal or Break.
func (l *Log[E]) Append(events ...E) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.end != nil {
		return ErrSealed
	}
	if len(events) > 0 {
		l.events = append(l.events, events...)
		l.wake()
	}
	return nil
}

// Seal appends the last events and ends the log: readers that have drained it
// get io.EOF. Sealing a log that has ended returns ErrSealed.
func (l *Log[E]) Seal(last ...E) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.end != nil {
		return ErrSealed
	}
	l.events = append(l.events, last...)
	l.end = io.EOF
	l.wake()
	return nil
}

// Break ends the log without an ending: readers that have drained it get
// err, which must not be nil or io.EOF. It does nothing to a log that has ended.
func (l *Log[E]) Break(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.end == nil {
		l.end = err
		l.wake()
	}
}

func (l *Log[E]) wake() {
	if l.more != nil {
		close(l.more)
		l.more = nil
	}
}

// Len is the number of the newest event.
func (l *Log[E]) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.events)
}

// Ended tells whether nothing can follow any more.
func (l *Log[E]) Ended() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.end != nil
}

// Peek returns what follows the event numbered after, without waiting. Exactly
// one of its results is set: the events, which the caller must not change; a
// channel that is closed when the log changes; or the error that ended the
// log, io.EOF after Seal. A cursor ahead of the log waits for it.
func (l *Log[E]) Peek(after int) ([]E, <-chan struct{}, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.events); after < n {
		// The log only grows, so the slice stays true after the unlock.
		return l.events[max(after, 0):n:n], nil, nil
	}
	if l.end != nil {
		return nil, nil, l.end
	}
	if l.more == nil {
		l.more = make(chan struct{})
	}
	return nil, l.more, nil
}

// Next is Peek that waits: it returns what follows the event numbered after as
// soon as there is something, the error that ended the log, or the cause of
// ctx if that is done first.
func (l *Log[E]) Next(ctx context.Context, after int) ([]E, error) {
	for {
		events, more, err := l.Peek(after)
		if more == nil {
			return events, err
		}
		select {
		case <-more:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}
