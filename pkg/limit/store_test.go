package limit_test

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/limit"
	"dreamchat/pkg/servertest"
)

// each runs the test in the process and in Redis: they behave alike.
func each(t *testing.T, test func(t *testing.T, store limit.Store)) {
	t.Run("process", func(t *testing.T) {
		t.Parallel()
		process, err := limit.NewProcess()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = process.Close() })
		test(t, process)
	})
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		test(t, &limit.Redis{Client: servertest.RedisClient(t, servertest.Redis(t))})
	})
}

// hourly counts what comes back too slowly for a test to see.
func hourly(scope, of string, quota int) auth.Count {
	return auth.Count{Scope: scope, Of: of, Rate: auth.Rate{Quota: quota, Period: time.Hour}}
}

func take(t *testing.T, store limit.Store, counts ...auth.Count) []auth.Tally {
	t.Helper()
	tallies, err := store.Take(t.Context(), counts)
	if err != nil || len(tallies) != len(counts) {
		t.Fatalf("Take: %d tallies, %v", len(tallies), err)
	}
	return tallies
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("never: %s", what)
		case <-tick.C:
		}
	}
}

func TestQuotaCanBeUsedAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, store limit.Store) {
		count := hourly("user", "ann", 7) // an hour is no multiple of it
		for left := 6; left >= 0; left-- {
			got := take(t, store, count)[0]
			used := time.Duration(7-left) * time.Hour / 7
			if got.Count != count || got.Remaining != left || got.Wait != 0 || got.Reset > used || got.Reset < used-time.Minute {
				t.Fatalf("with %d left: %+v", left, got)
			}
		}
		for range 3 {
			got := take(t, store, count)[0]
			if got.Remaining != 0 || got.Wait > time.Hour/7 || got.Wait < time.Hour/7-time.Minute {
				t.Fatalf("with nothing left: %+v", got)
			}
		}
		if got := take(t, store, hourly("user", "bob", 7))[0]; got.Remaining != 6 {
			t.Errorf("of somebody else: %+v", got)
		}
		if got := take(t, store, hourly("address", "ann", 7))[0]; got.Remaining != 6 {
			t.Errorf("of something else: %+v", got)
		}
	})
}

func TestQuotaComesBack(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, store limit.Store) {
		count := auth.Count{Scope: "user", Of: "ann", Rate: auth.Rate{Quota: 2, Period: time.Second}}
		for take(t, store, count)[0].Wait == 0 {
		}
		refused := time.Now()
		eventually(t, "one has come back", func() bool { return take(t, store, count)[0].Wait == 0 })
		if took := time.Since(refused); took > 800*time.Millisecond {
			t.Errorf("it took %s", took)
		}
		if got := take(t, store, count)[0]; got.Wait == 0 {
			t.Errorf("and a second one: %+v", got)
		}
	})
}

func TestAllIsTakenOrNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, store limit.Store) {
		user, address := hourly("user", "ann", 10), hourly("address", "192.0.2.1", 2)
		take(t, store, user, address)
		if got := take(t, store, user, address); got[0].Remaining != 8 || got[1].Remaining != 0 {
			t.Fatalf("taken twice: %+v", got)
		}
		for range 5 {
			got := take(t, store, user, address)
			if got[0].Wait != 0 || got[1].Wait == 0 || got[0].Remaining != 8 {
				t.Fatalf("refused: %+v", got)
			}
		}
		if got := take(t, store, user)[0]; got.Remaining != 7 {
			t.Errorf("after refusals: %+v", got)
		}
	})
}

func TestParallelTakesNeverExceedAQuota(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, store limit.Store) {
		var taken atomic.Int32
		var wait sync.WaitGroup
		for i := range 200 {
			wait.Go(func() {
				mine := hourly("address", fmt.Sprint(i), 5)
				tallies, err := store.Take(t.Context(), []auth.Count{mine, hourly("account", "ann", 10)})
				if err != nil {
					t.Error(err)
				} else if tallies[1].Wait == 0 {
					taken.Add(1)
				}
			})
		}
		wait.Wait()
		if taken.Load() != 10 {
			t.Errorf("%d were taken of 10", taken.Load())
		}
	})
}

func TestWhatIsGivenBackCanBeTakenAgain(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, store limit.Store) {
		one, other := hourly("account", "ann", 3), hourly("address", "192.0.2.1", 5)
		for range 3 {
			take(t, store, one, other)
		}
		give := func() {
			t.Helper()
			if err := store.Give(t.Context(), []auth.Count{one, other}); err != nil {
				t.Fatal(err)
			}
		}
		give()
		if got := take(t, store, one, other); got[0].Wait != 0 || got[0].Remaining != 0 || got[1].Remaining != 2 {
			t.Errorf("after one was given back: %+v", got)
		}
		for range 9 {
			give()
		}
		if got := take(t, store, one, other); got[0].Remaining != 2 || got[1].Remaining != 4 {
			t.Errorf("after more was given back than was taken: %+v", got)
		}
	})
}

func slot(user, name string) chat.Slot { return chat.Slot{UserID: user, Name: name} }

func enter(t *testing.T, store limit.Store, slot chat.Slot, lease time.Duration, want limit.Entry) {
	t.Helper()
	if got, err := store.Enter(t.Context(), slot, 3, lease); got != want || err != nil {
		t.Fatalf("Enter(%v) = %v, %v, want %v", slot, got, err, want)
	}
}

func TestSlotsAreNeverMoreThanThereAre(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, store limit.Store) {
		entries := make([]limit.Entry, 100)
		var wait sync.WaitGroup
		for i := range entries {
			wait.Go(func() {
				var err error
				if entries[i], err = store.Enter(t.Context(), slot("ann", fmt.Sprint(i/2)), 3, time.Minute); err != nil {
					t.Error(err)
				}
			})
		}
		wait.Wait()
		count := map[limit.Entry]int{}
		for _, entry := range entries {
			count[entry]++
		}
		if count[limit.Fresh] != 3 || count[limit.There] > 3 {
			t.Errorf("entries: %v", count)
		}
		first := slot("ann", fmt.Sprint(slices.Index(entries, limit.Fresh)/2))
		enter(t, store, first, time.Minute, limit.There)
		enter(t, store, slot("bob", "1"), time.Minute, limit.Fresh)
		enter(t, store, slot("ann", "more"), time.Minute, limit.Full)
		for range 2 { // the second time there is nothing to free
			if err := store.Leave(t.Context(), []chat.Slot{first, slot("bob", "1"), slot("eve", "none")}); err != nil {
				t.Fatal(err)
			}
		}
		enter(t, store, slot("ann", "more"), time.Minute, limit.Fresh)
		enter(t, store, slot("ann", "one more"), time.Minute, limit.Full)
	})
}

func TestSlotThatNobodyKeepsIsFreeInTheEnd(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, store limit.Store) {
		for _, name := range []string{"kept", "left", "left too"} {
			enter(t, store, slot("ann", name), 100*time.Millisecond, limit.Fresh)
		}
		// A slot that was never taken, or was lost, is taken by keeping it.
		kept := []chat.Slot{slot("ann", "kept"), slot("bob", "lost")}
		if err := store.Keep(t.Context(), kept, time.Minute); err != nil {
			t.Fatal(err)
		}
		enter(t, store, slot("ann", "new"), time.Minute, limit.Full)
		for _, name := range []string{"new", "newer"} {
			eventually(t, "there is room", func() bool {
				entry, err := store.Enter(t.Context(), slot("ann", name), 3, time.Minute)
				return entry == limit.Fresh && err == nil
			})
		}
		enter(t, store, slot("ann", "newest"), time.Minute, limit.Full)
		enter(t, store, slot("ann", "kept"), time.Minute, limit.There)
		enter(t, store, slot("bob", "lost"), time.Minute, limit.There)
	})
}
