package limit

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// pause is how long nobody tries after a failure.
const pause = time.Second

// breaker lets no call through for a while after a failure, and then one call in
// each such while, until one succeeds. An answer that is an error counts as a
// failure: a server that refuses to write cannot count.
type breaker struct {
	// next is when a call may try again, in Unix nanoseconds; 0 while all is well.
	next atomic.Int64
}

// turn is what the end of a call changes.
type turn int

const (
	unchanged turn = iota
	opened         // calls are kept back from now on
	closed         // no more
)

func (b *breaker) allows() bool {
	next := b.next.Load()
	if next == 0 {
		return true
	}
	now := time.Now()
	return now.UnixNano() >= next && b.next.CompareAndSwap(next, now.Add(pause).UnixNano())
}

func (b *breaker) note(err error) turn {
	switch {
	case err == nil:
		if b.next.Load() != 0 && b.next.Swap(0) != 0 {
			return closed
		}
	case errors.Is(err, context.Canceled):
		// Whoever asked went away, which says nothing of the server.
	case b.next.Swap(time.Now().Add(pause).UnixNano()) == 0:
		return opened
	}
	return unchanged
}
