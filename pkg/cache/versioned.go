package cache

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"
)

// Versioned keeps values that belong to an owner, such as the pages of a user's
// list, and never returns one that is older than the owner's last change. It
// is safe for concurrent use and must not be copied; its fields must not change
// after the first call.
//
// Each owner has a version: a random token that every change replaces. A value
// is stored with the version that stood before the database was read, and is
// good only while that one stands. So a slow reader that stores what it read
// before a change stores it under a version that is gone. Tokens are never a
// counter: one that was evicted would start again and meet old values.
//
// While the store is away values come from the database, and owners whose
// change could not be told are remembered: until it is told, this process does
// not use the store for them, so that it serves nothing stale when the store
// comes back. What remains, with Redis and several instances: another instance
// that reaches Redis may serve values of before a change
//   - until this one reaches it too and Run has told the change, some two
//     seconds later;
//   - for the rest of their TTL, if this process ends before that, or if
//     Redis comes back with less than it had (restored from a snapshot after a
//     crash, or after a failover that lost writes).
type Versioned struct {
	Store Store
	// Name begins the keys and is what Count is told. Change it with the form
	// of the values: instances of two releases may share a Redis.
	Name string
	// TTL is how long a value is kept; zero means five minutes.
	TTL time.Duration
	// Count is told of each Get; nil for nobody.
	Count func(name string, hit bool)

	doubts doubts
}

const (
	defaultTTL = 5 * time.Minute
	// versionTTL is longer than any value's, as a version that expires takes
	// the values with it.
	versionTTL = time.Hour
	// tellTimeout bounds how long a change waits for the store.
	tellTimeout = time.Second
	// retryEvery is how often Run tries to tell changes again.
	retryEvery = time.Second
)

// Get returns the value that is kept for the owner under field, or loads it and
// keeps it. It reads version and value in one round trip. Only the error of
// load is returned, and it is not kept. Nobody may change the result.
func (v *Versioned) Get(
	ctx context.Context, owner, field string, load func(context.Context) ([]byte, error),
) ([]byte, error) {
	version, value := v.read(ctx, owner, field)
	v.count(value != nil)
	if value != nil {
		return value, nil
	}
	begun := time.Now()
	value, err := load(ctx)
	if err != nil {
		return nil, err
	}
	// The age counts from before the load: no value outlives a change by more
	// than its TTL, however slow its reader was.
	left := v.ttl() - time.Since(begun)
	if version != nil && left >= time.Millisecond {
		_ = v.Store.Set(ctx, v.valueKey(owner, field), slices.Concat(version, value), left)
	}
	return value, nil
}

// Advance makes every value of the owner stale. Call it after each change is
// committed and before anybody is told of it. It works on after ctx is done,
// since the change stands, and takes a second at most. If the store cannot be
// told, the owner is remembered.
func (v *Versioned) Advance(ctx context.Context, owner string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellTimeout)
	defer cancel()
	if v.doubts.mark(owner) {
		v.settle(ctx, owner)
		return
	}
	if _, err := v.renew(ctx, owner); err != nil {
		v.doubts.blind(time.Now().Add(v.ttl()))
	}
}

// Forget leaves nothing of an owner that is gone. Nobody may ask for the owner any
// more.
func (v *Versioned) Forget(ctx context.Context, owner string) error {
	mark, doubted := v.doubts.of(owner)
	// Others whose names begin like the owner's lose their version, which costs them
	// a look into the database.
	for _, prefix := range []string{v.versionKey(owner), v.valueKeys(owner)} {
		if err := v.Store.DeletePrefix(ctx, prefix); err != nil {
			return err
		}
	}
	if doubted {
		v.doubts.settled(owner, mark)
	}
	return nil
}

// Run tells changes that could not be told, until ctx is done. Without it they
// are told when this process next reads for their owner.
func (v *Versioned) Run(ctx context.Context) error {
	ticker := time.NewTicker(retryEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			v.settleAll(ctx)
		}
	}
}

func (v *Versioned) settleAll(ctx context.Context) {
	for _, owner := range v.doubts.list() {
		if !v.settle(ctx, owner) {
			return
		}
	}
}

// settle tells whether the store can be used for the owner, after it has told
// a change that is still to be told.
func (v *Versioned) settle(ctx context.Context, owner string) bool {
	mark, doubted := v.doubts.of(owner)
	if !doubted {
		return true
	}
	if _, err := v.renew(ctx, owner); err != nil {
		return false
	}
	return v.doubts.settled(owner, mark)
}

// read returns the owner's version and the value that is good under it. No
// version means that nothing can be kept.
func (v *Versioned) read(ctx context.Context, owner, field string) (version, value []byte) {
	if v.doubts.blinded(time.Now()) || !v.settle(ctx, owner) {
		return nil, nil
	}
	found, err := v.Store.Get(ctx, v.versionKey(owner), v.valueKey(owner, field))
	if err != nil {
		return nil, nil
	}
	version, value = v.standing(ctx, owner, found[0]), found[1]
	if good, ok := bytes.CutPrefix(value, version); ok && version != nil {
		return version, good
	}
	return version, nil
}

// version returns the owner's version alone.
func (v *Versioned) version(ctx context.Context, owner string) []byte {
	if v.doubts.blinded(time.Now()) || !v.settle(ctx, owner) {
		return nil
	}
	found, err := v.Store.Get(ctx, v.versionKey(owner))
	if err != nil {
		return nil
	}
	return v.standing(ctx, owner, found[0])
}

// standing is the version that was found, or a new one. Of several readers that
// find none the last one's stands. The others' values are lost, but none is
// stale: all have yet to load.
func (v *Versioned) standing(ctx context.Context, owner string, found []byte) []byte {
	if len(found) == versionLen {
		return found
	}
	version, err := v.renew(ctx, owner)
	if err != nil {
		return nil
	}
	return version
}

func (v *Versioned) count(hit bool) {
	if v.Count != nil {
		v.Count(v.Name, hit)
	}
}

// versionLen is the length of what rand.Text returns.
const versionLen = 26

func (v *Versioned) renew(ctx context.Context, owner string) ([]byte, error) {
	version := []byte(rand.Text())
	return version, v.Store.Set(ctx, v.versionKey(owner), version, versionTTL)
}

func (v *Versioned) ttl() time.Duration {
	if v.TTL == 0 {
		return defaultTTL
	}
	return v.TTL
}

func (v *Versioned) versionKey(owner string) string {
	return v.Name + ":ver:" + owner
}

// valueKey hashes the field, which may hold what somebody searches for. The
// fixed length also keeps the parts of the key apart.
func (v *Versioned) valueKey(owner, field string) string {
	sum := sha256.Sum256([]byte(field))
	return v.valueKeys(owner) + hex.EncodeToString(sum[:16])
}

// valueKeys is what the keys of the owner's values begin with.
func (v *Versioned) valueKeys(owner string) string {
	return v.Name + ":val:" + owner + ":"
}
