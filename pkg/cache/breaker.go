package cache

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

// pause is how long nobody tries after a failure.
const pause = time.Second

var errAway = errors.New("cache: Redis is away")

// breaker lets no call through for a while after a failure, and then one call
// in each such while, until one succeeds. It is not a redis.Limiter, since the
// driver asks that again for each command with which it opens a connection.
type breaker struct {
	// next is when a call may try again, in Unix nanoseconds; 0 while all is
	// well.
	next atomic.Int64
}

func (b *breaker) call(do func() error) error {
	if !b.allows() {
		return errAway
	}
	err := do()
	switch {
	case err == nil || answered(err):
		if b.next.Load() != 0 {
			b.next.Store(0)
		}
	case errors.Is(err, context.Canceled):
		// Whoever asked went away, which says nothing of the server.
	default:
		b.next.Store(time.Now().Add(pause).UnixNano())
	}
	return err
}

func (b *breaker) allows() bool {
	next := b.next.Load()
	if next == 0 {
		return true
	}
	now := time.Now()
	return now.UnixNano() >= next && b.next.CompareAndSwap(next, now.Add(pause).UnixNano())
}

// answered tells an error that the server sent from one of the way to it.
func answered(err error) bool {
	var reply redis.Error
	return errors.As(err, &reply)
}
