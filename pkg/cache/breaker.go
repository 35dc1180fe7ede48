package cache

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

var errAway = errors.New("cache: Redis is away")

// breaker is a redis.Limiter that lets nothing through for a while after a
// failure, and then one call in each such while, until one succeeds.
type breaker struct {
	pause time.Duration
	// next is when a call may try again, in Unix nanoseconds; 0 while all is
	// well.
	next atomic.Int64
}

// Allow is asked before each call.
func (b *breaker) Allow() error {
	next := b.next.Load()
	if next == 0 {
		return nil
	}
	now := time.Now()
	if now.UnixNano() < next || !b.next.CompareAndSwap(next, now.Add(b.pause).UnixNano()) {
		return errAway
	}
	return nil
}

// ReportResult is told how each call that was allowed went.
func (b *breaker) ReportResult(err error) {
	switch {
	case err == nil || answered(err):
		if b.next.Load() != 0 {
			b.next.Store(0)
		}
	case errors.Is(err, context.Canceled):
		// Whoever asked went away, which says nothing of the server.
	default:
		b.next.Store(time.Now().Add(b.pause).UnixNano())
	}
}

// answered tells an error that the server sent from one of the way to it.
func answered(err error) bool {
	var reply redis.Error
	return errors.As(err, &reply)
}
