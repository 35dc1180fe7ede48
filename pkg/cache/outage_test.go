package cache_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"dreamchat/pkg/cache"
	"dreamchat/pkg/servertest"
)

func TestListsComeFromTheDatabaseWhileRedisIsAway(t *testing.T) {
	store, g := gated(t)
	lists := newVersioned(store)
	expect(t, lists, "ann", "page", "old", "old")
	g.Shut()
	for i := range 100 {
		fresh := fmt.Sprint("fresh ", i)
		expect(t, lists, "ann", "page", fresh, fresh)
	}
	g.Open()
	eventually(t, "the list that was kept is used again", func() bool {
		got, err := lists.Get(t.Context(), "ann", "page", rows("other"))
		return err == nil && string(got) == "old"
	})
}

func TestChangeWhileRedisIsAwayIsNotForgotten(t *testing.T) {
	for name, leave := range map[string]func(*servertest.Gate){
		"refuses":      (*servertest.Gate).Shut,
		"falls silent": (*servertest.Gate).FallSilent,
	} {
		t.Run(name, func(t *testing.T) {
			store, g := gated(t)
			lists := newVersioned(store)
			expect(t, lists, "ann", "page", "old", "old")
			expect(t, lists, "bob", "page", "old", "old")
			leave(g)
			left, cancel := context.WithCancel(t.Context())
			cancel() // who asked for the change is gone; the change stands
			lists.Advance(left, "ann")
			g.Open()
			eventually(t, "the cache is used again", func() bool {
				expect(t, lists, "ann", "page", "new", "new")
				return !t.Failed() && store.Ping(t.Context()) == nil
			})
			expect(t, lists, "ann", "page", "new", "new")
			expect(t, lists, "ann", "page", "newer", "new")
			expect(t, lists, "bob", "page", "new", "old")
		})
	}
}

func TestRunTellsTheOtherInstancesOfAChangeInTheEnd(t *testing.T) {
	store, g, past := gatedAt(t)
	here := newVersioned(store)
	there := instance(here, newRedis(t, past))
	expect(t, here, "ann", "page", "old", "old")
	g.Shut()
	here.Advance(t.Context(), "ann")
	expect(t, there, "ann", "page", "old", "old")

	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- here.Run(ctx) }()
	g.Open()
	eventually(t, "the other instance sees the change", func() bool {
		got, err := there.Get(t.Context(), "ann", "page", rows("new"))
		return err == nil && string(got) == "new"
	})
	stop()
	if err := <-ended; err != nil {
		t.Errorf("Run: %v", err)
	}
}

var errOutage = errors.New("outage")

// flaky is a store that can be away, for outages in synthetic time.
type flaky struct {
	cache.Store
	away atomic.Bool
}

func (f *flaky) Get(ctx context.Context, keys ...string) ([][]byte, error) {
	if f.away.Load() {
		return nil, errOutage
	}
	return f.Store.Get(ctx, keys...)
}

func (f *flaky) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	if f.away.Load() {
		return errOutage
	}
	return f.Store.Set(ctx, key, value, ttl)
}

func TestMoreChangesThanCanBeRememberedMakeNothingStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &flaky{Store: newProcess(t)}
		lists := newVersioned(store)
		expect(t, lists, "ann", "page", "old", "old")
		store.away.Store(true)
		for i := range 10_000 {
			lists.Advance(t.Context(), fmt.Sprint("owner ", i))
		}
		lists.Advance(t.Context(), "ann")
		store.away.Store(false)
		expect(t, lists, "ann", "page", "new", "new")
		expect(t, lists, "bob", "page", "a", "a")
		time.Sleep(5*time.Minute - time.Second)
		expect(t, lists, "ann", "page", "newer", "newer")
		time.Sleep(2 * time.Second)
		expect(t, lists, "ann", "page", "newest", "newest")
		expect(t, lists, "ann", "page", "later", "newest")
	})
}

func TestChangeThatIsToldLateDoesNotHideALaterOne(t *testing.T) {
	// A retry for one change is under way when the next change cannot be told.
	synctest.Test(t, func(t *testing.T) {
		store := &held{flaky: flaky{Store: newProcess(t)}, hold: make(chan struct{}), release: make(chan struct{})}
		lists := newVersioned(store)
		expect(t, lists, "ann", "page", "old", "old")
		store.away.Store(true)
		lists.Advance(t.Context(), "ann")
		store.away.Store(false)
		store.holding.Store(true)
		done := make(chan struct{})
		go func() {
			defer close(done)
			_, _ = lists.Get(t.Context(), "ann", "page", rows("one change"))
		}()
		<-store.hold // the retry has reached the store, its answer has not come back
		other := instance(lists, store.Store)
		expect(t, other, "ann", "page", "one change", "one change")
		store.away.Store(true)
		lists.Advance(t.Context(), "ann")
		store.away.Store(false)
		close(store.release)
		<-done
		expect(t, lists, "ann", "page", "two changes", "two changes")
	})
}

// held keeps back the answer to the first Set after holding was stored.
type held struct {
	flaky
	holding       atomic.Bool
	hold, release chan struct{}
}

func (h *held) Set(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	err := h.flaky.Set(ctx, key, value, ttl)
	if h.holding.CompareAndSwap(true, false) {
		close(h.hold)
		<-h.release
	}
	return err
}
