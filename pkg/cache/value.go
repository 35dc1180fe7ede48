package cache

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
)

// loadTimeout bounds a load, which nobody may be waiting for any more.
const loadTimeout = 10 * time.Second

// Value is one value that is the same for everybody, kept as JSON. It is safe
// for concurrent use and must not be copied; its fields must not change after
// the first Get.
type Value[T any] struct {
	Store Store
	// Name is the key and what Count is told. Change it with the form of T:
	// instances of two releases may share a Redis.
	Name string
	// TTL is how long a value is kept. A change in the database is seen after
	// that time at the latest.
	TTL time.Duration
	// Count is told of each look into the store; nil for nobody.
	Count func(name string, hit bool)

	flights singleflight.Group
	last    atomic.Pointer[decoded[T]]
}

type decoded[T any] struct {
	raw   []byte
	value T
}

// Get returns the value that is kept, or loads it. Callers that come while one
// looks wait for the same result, so that there is at most one load at a time
// in each process. A load outlives the caller that began it, so that leaving
// fails nobody else, by ten seconds at most. Its error goes to all who wait and
// is not kept.
//
// All callers share the result: nobody may change what it points to.
func (v *Value[T]) Get(ctx context.Context, load func(context.Context) (T, error)) (T, error) {
	flight := v.flights.DoChan(v.Name, func() (any, error) {
		detached, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTimeout)
		defer cancel()
		return v.fetch(detached, load)
	})
	var none T
	select {
	case <-ctx.Done():
		return none, context.Cause(ctx)
	case result := <-flight:
		if result.Err != nil {
			return none, result.Err
		}
		return result.Val.(*decoded[T]).value, nil //nolint:forcetypeassert // fetch returns nothing else
	}
}

func (v *Value[T]) fetch(ctx context.Context, load func(context.Context) (T, error)) (*decoded[T], error) {
	kept := v.read(ctx)
	if v.Count != nil {
		v.Count(v.Name, kept != nil)
	}
	if kept != nil {
		return kept, nil
	}
	value, err := load(ctx)
	if err != nil {
		return nil, err
	}
	raw, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("cache: encode %s: %w", v.Name, err)
	}
	// What cannot be kept is loaded again by the next caller.
	_ = v.Store.Set(ctx, v.Name, raw, v.TTL)
	return v.remember(raw, value), nil
}

// read returns what is kept, or nil. The same bytes are decoded once only.
func (v *Value[T]) read(ctx context.Context) *decoded[T] {
	values, err := v.Store.Get(ctx, v.Name)
	if err != nil || values[0] == nil {
		return nil
	}
	raw := values[0]
	if last := v.last.Load(); last != nil && bytes.Equal(last.raw, raw) {
		return last
	}
	var value T
	if err := json.Unmarshal(raw, &value); err != nil {
		return nil
	}
	return v.remember(raw, value)
}

func (v *Value[T]) remember(raw []byte, value T) *decoded[T] {
	last := &decoded[T]{raw: raw, value: value}
	v.last.Store(last)
	return last
}
