package cache

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
)

// loadTimeout bounds a load, which nobody may be waiting for any more.
const loadTimeout = 10 * time.Second

// Value is one value that is the same for everybody, kept as JSON. Each process
// also holds it decoded, and asks the store only whether it has changed. It is
// safe for concurrent use and must not be copied; its fields must not change
// after the first Get.
//
// A change in the database that [Value.Advance] is not told of is seen after TTL
// at the latest. For the rest see [Versioned], whose Run tells changes that the
// store could not be told.
type Value[T any] struct {
	Versioned

	looks   singleflight.Group
	last    atomic.Pointer[decoded[T]]
	mu      sync.Mutex
	flights map[string]*flight[T]
}

// kept is what the store holds.
type kept[T any] struct {
	Until time.Time
	Value T
}

// decoded is what was last read, under a version that stood before it was.
type decoded[T any] struct {
	version string
	kept    kept[T]
}

// flight is a load under way.
type flight[T any] struct {
	done   chan struct{}
	result *decoded[T]
	err    error
}

// Get returns the value that is kept, or loads it. There is at most one load at
// a time in each process: of those who come when the time of a value is over, the
// first waits for a new one and the others get the old one; after a change all
// wait. A load outlives the caller that began it, so that leaving fails nobody
// else, by ten seconds at most. Its error goes to all who wait and is not kept.
//
// All callers share the result: nobody may change what it points to.
func (v *Value[T]) Get(ctx context.Context, load func(context.Context) (T, error)) (T, error) {
	version, err := v.look(ctx)
	var none T
	if err != nil {
		return none, err
	}
	old := v.last.Load()
	known := old != nil && version != "" && old.version == version
	if known && time.Now().Before(old.kept.Until) {
		v.count(true)
		return old.kept.Value, nil
	}
	under, mine := v.join(ctx, version, load)
	if known && !mine {
		v.count(true)
		return old.kept.Value, nil
	}
	select {
	case <-ctx.Done():
		return none, context.Cause(ctx)
	case <-under.done:
	}
	if under.err != nil {
		return none, under.err
	}
	return under.result.kept.Value, nil
}

// Advance makes the value stale; see [Versioned.Advance]. Callers who come later
// get what a load gives that begins later.
func (v *Value[T]) Advance(ctx context.Context) {
	v.Versioned.Advance(ctx, "")
	v.mu.Lock()
	defer v.mu.Unlock()
	v.looks.Forget("")
	v.flights = nil
}

// look asks for the version that stands, empty if the store is of no use.
func (v *Value[T]) look(ctx context.Context) (string, error) {
	look := v.looks.DoChan("", func() (any, error) {
		detached, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
		defer cancel()
		return string(v.version(detached, "")), nil
	})
	select {
	case <-ctx.Done():
		return "", context.Cause(ctx)
	case result := <-look:
		return result.Val.(string), nil //nolint:forcetypeassert // it is nothing else
	}
}

// join finds the load for this version, or begins it, which is then the caller's.
func (v *Value[T]) join(
	ctx context.Context, version string, load func(context.Context) (T, error),
) (under *flight[T], mine bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if under = v.flights[version]; under != nil {
		return under, false
	}
	under = &flight[T]{done: make(chan struct{})}
	if v.flights == nil {
		v.flights = make(map[string]*flight[T])
	}
	v.flights[version] = under
	go v.fly(context.WithoutCancel(ctx), under, version, load)
	return under, true
}

func (v *Value[T]) fly(ctx context.Context, under *flight[T], version string, load func(context.Context) (T, error)) {
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	under.result, under.err = v.fetch(ctx, version, load)
	v.mu.Lock()
	if v.flights[version] == under { // nothing has changed since
		delete(v.flights, version)
		if under.err == nil {
			v.last.Store(under.result)
		}
	}
	v.mu.Unlock()
	close(under.done)
}

// fetch takes the value from the store, or loads it. Bytes of another form than
// ours are stale.
func (v *Value[T]) fetch(ctx context.Context, version string, load func(context.Context) (T, error)) (*decoded[T], error) {
	var loaded *decoded[T]
	encode := func(ctx context.Context) ([]byte, error) {
		until := time.Now().Add(v.ttl())
		value, err := load(ctx)
		if err != nil {
			return nil, err
		}
		loaded = &decoded[T]{version: version, kept: kept[T]{Until: until, Value: value}}
		return json.Marshal(loaded.kept)
	}
	for range 2 {
		raw, err := v.Versioned.Get(ctx, "", "", encode)
		if err != nil {
			return nil, err
		}
		if loaded != nil {
			return loaded, nil
		}
		found := &decoded[T]{version: version}
		if json.Unmarshal(raw, &found.kept) == nil && !found.kept.Until.IsZero() {
			return found, nil
		}
		v.Versioned.Advance(ctx, "")
	}
	return nil, fmt.Errorf("cache: %s is kept in another form", v.Name)
}
