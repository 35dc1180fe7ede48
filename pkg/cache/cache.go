// Package cache keeps values for a while, in Redis or in the process. It does
// not know what the values are. A cache that is away is never an error for
// those who read through it: they get what the database holds.
//
// [Value] is one value for everybody, loaded by one caller at a time while others
// get the old one; with a list of models it is the cache that the domain's
// catalogue asks for.
// [Versioned] is values that belong to an owner and are never older than the
// owner's last change; it is the cache of each user's conversation list.
package cache

import (
	"context"
	"errors"
	"time"
)

// Store keeps bytes under keys until they expire: [*Redis] or [*Process]. It
// may forget any of them earlier, and it may be away. Implementations are safe
// for concurrent use. Nobody changes a value after giving or getting it.
type Store interface {
	// Get returns one value for each key, in one round trip; nil for a key
	// that is not there.
	Get(ctx context.Context, keys ...string) ([][]byte, error)
	// Set keeps a value, of at most MaxValue bytes, for ttl, which is at least
	// a millisecond. It is sent once: after an error the value stands under
	// its key now, or soon, or never, but not again later.
	Set(ctx context.Context, key string, value []byte, ttl time.Duration) error
	// Claim is Set, unless a value stands under the key already, and returns the
	// one that stands then. Of several callers at once one has its value kept. After
	// an error any of them may stand.
	Claim(ctx context.Context, key string, value []byte, ttl time.Duration) ([]byte, error)
	// DeletePrefix forgets every key that begins like this. It looks at all keys that
	// there are, so it is for what happens rarely.
	DeletePrefix(ctx context.Context, prefix string) error
}

// MaxValue bounds what is kept under one key, in bytes.
const MaxValue = 1 << 20

var (
	errTooLarge = errors.New("cache: the value is too large to keep")
	errTTL      = errors.New("cache: a value is kept for a millisecond at least")
)

func checkSet(value []byte, ttl time.Duration) error {
	switch {
	case len(value) > MaxValue:
		return errTooLarge
	case ttl < time.Millisecond:
		return errTTL
	default:
		return nil
	}
}
