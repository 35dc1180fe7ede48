package cache_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"dreamchat/pkg/cache"
	"dreamchat/pkg/servertest"
)

func TestClaimIsOfWhoComesFirst(t *testing.T) {
	each(t, func(t *testing.T, view func() cache.Store) {
		store, key := view(), unique()
		for i, want := range []string{"first", "first", "first"} {
			got, err := store.Claim(t.Context(), key, []byte([]string{"first", "second", "first"}[i]), time.Minute)
			if err != nil || string(got) != want {
				t.Errorf("Claim = %q, %v, want %q", got, err, want)
			}
		}
		if got, err := view().Claim(t.Context(), key, []byte("elsewhere"), time.Minute); err != nil || string(got) != "first" {
			t.Errorf("elsewhere Claim = %q, %v", got, err)
		}
		if values, err := view().Get(t.Context(), key); err != nil || string(values[0]) != "first" {
			t.Errorf("Get = %q, %v", values, err)
		}
		other := unique()
		if err := store.Set(t.Context(), other, []byte("set"), time.Minute); err != nil {
			t.Fatal(err)
		}
		if got, err := store.Claim(t.Context(), other, []byte("claimed"), time.Minute); err != nil || string(got) != "set" {
			t.Errorf("what was set is claimed as %q, %v", got, err)
		}
		if got, err := store.Claim(t.Context(), unique(), nil, time.Minute); err != nil || len(got) != 0 {
			t.Errorf("nothing is claimed as %q, %v", got, err)
		}
	})
}

func TestClaimHasOneWinner(t *testing.T) {
	each(t, func(t *testing.T, view func() cache.Store) {
		views, key := []cache.Store{view(), view()}, unique()
		won := make([]string, 40)
		var wait sync.WaitGroup
		for i := range won {
			wait.Go(func() {
				got, err := views[i%2].Claim(t.Context(), key, fmt.Append(nil, i), time.Minute)
				if err != nil {
					t.Error(err)
				}
				won[i] = string(got)
			})
		}
		wait.Wait()
		for _, got := range won {
			if got == "" || got != won[0] {
				t.Fatalf("the winners are %q", won)
			}
		}
	})
}

func TestClaimOfWhatCannotBeKept(t *testing.T) {
	each(t, func(t *testing.T, view func() cache.Store) {
		store, key := view(), unique()
		if _, err := store.Claim(t.Context(), key, make([]byte, cache.MaxValue+1), time.Minute); err == nil {
			t.Error("took a value that is too large")
		}
		if _, err := store.Claim(t.Context(), key, []byte("x"), time.Microsecond); err == nil {
			t.Error("took a value for a microsecond")
		}
		if values, err := store.Get(t.Context(), key); err != nil || values[0] != nil {
			t.Errorf("Get = %q, %v, want nothing", values, err)
		}
	})
}

func TestClaimEndsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newProcess(t)
		claim := func(value, want string) {
			t.Helper()
			if got, err := store.Claim(t.Context(), "key", []byte(value), time.Minute); err != nil || string(got) != want {
				t.Errorf("Claim = %q, %v, want %q", got, err, want)
			}
		}
		claim("first", "first")
		time.Sleep(time.Minute - time.Millisecond)
		claim("second", "first") // which makes the first last no longer
		time.Sleep(2 * time.Millisecond)
		claim("third", "third")
	})
	url, key := servertest.Redis(t), unique()
	if _, err := newRedis(t, url).Claim(t.Context(), key, []byte("x"), 90*time.Second); err != nil {
		t.Fatal(err)
	}
	left, err := servertest.RedisClient(t, url).PTTL(t.Context(), "dreamchat:"+key).Result()
	if err != nil || left > 90*time.Second || left < 60*time.Second {
		t.Errorf("is kept for %v, %v, want 90 s", left, err)
	}
}

func TestClaimWhileRedisIsAway(t *testing.T) {
	store, g := gated(t)
	key := unique()
	g.Shut()
	if got, err := store.Claim(t.Context(), key, []byte("first"), time.Minute); err == nil {
		t.Errorf("Claim = %q", got)
	}
	g.Open()
	eventually(t, "it can be claimed", func() bool {
		got, err := store.Claim(t.Context(), key, []byte("second"), time.Minute)
		return err == nil && string(got) == "second"
	})
}
