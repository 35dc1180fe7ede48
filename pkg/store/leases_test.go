package store_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dreamchat/pkg/store"
	"dreamchat/pkg/store/storetest"
)

func TestOneOfManyTakesALease(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		take := func(holder string, span time.Duration) bool {
			taken, err := s.TakeLease(t.Context(), "work", holder, span)
			if err != nil {
				t.Error(err)
			}
			return taken
		}
		extend := func(holder string, span time.Duration) {
			if err := s.ExtendLease(t.Context(), "work", holder, span); err != nil {
				t.Error(err)
			}
		}
		var taken atomic.Int32
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				if take("any", time.Hour) {
					taken.Add(1)
				}
			})
		}
		all.Wait()
		if taken.Load() != 1 {
			t.Fatalf("%d have it", taken.Load())
		}
		extend("other", -time.Second)
		if take("other", time.Hour) {
			t.Error("it was taken from who holds it")
		}
		extend("any", -time.Second)
		if !take("other", time.Hour) {
			t.Error("it was due and not taken")
		}
		extend("any", -time.Second)
		if take("any", time.Hour) {
			t.Error("who lost it made it due")
		}
	})
}
