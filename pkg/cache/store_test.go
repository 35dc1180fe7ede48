package cache_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"dreamchat/pkg/cache"
	"dreamchat/pkg/servertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// each runs a test on every kind of store. What it is given opens one more
// view of the same store, as another instance would.
func each(t *testing.T, test func(t *testing.T, view func() cache.Store)) {
	t.Run("process", func(t *testing.T) {
		store := newProcess(t)
		test(t, func() cache.Store { return store })
	})
	t.Run("redis", func(t *testing.T) {
		url := servertest.Redis(t)
		test(t, func() cache.Store { return newRedis(t, url) })
	})
}

func newProcess(t testing.TB) *cache.Process {
	t.Helper()
	store, err := cache.NewProcess(cache.ProcessBytes)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

func newRedis(t testing.TB, url string) *cache.Redis {
	t.Helper()
	store, err := cache.NewRedis(url, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

// unique gives a name that no other test uses.
func unique() string { return "test-" + rand.Text() }

func TestStoreKeepsBytes(t *testing.T) {
	each(t, func(t *testing.T, view func() cache.Store) {
		store, name := view(), unique()
		set := func(key, value string) {
			t.Helper()
			if err := store.Set(t.Context(), name+key, []byte(value), time.Minute); err != nil {
				t.Fatal(err)
			}
		}
		set("a", "first")
		set("a", "second")
		set("binary", "\x00\xff\r\n")
		set("empty", "")
		values, err := view().Get(t.Context(), name+"binary", name+"missing", name+"a", name+"empty", name+"a")
		want := [][]byte{[]byte("\x00\xff\r\n"), nil, []byte("second"), {}, []byte("second")}
		if err != nil || len(values) != len(want) {
			t.Fatalf("Get = %q, %v, want %q", values, err, want)
		}
		for i := range want {
			if !bytes.Equal(values[i], want[i]) || (values[i] == nil) != (want[i] == nil) {
				t.Errorf("value %d = %#v, want %#v", i, values[i], want[i])
			}
		}
	})
}

func TestStoreRefusesWhatItCannotKeep(t *testing.T) {
	each(t, func(t *testing.T, view func() cache.Store) {
		store, key := view(), unique()
		if err := store.Set(t.Context(), key, make([]byte, cache.MaxValue+1), time.Minute); err == nil {
			t.Error("took a value that is too large")
		}
		for _, ttl := range []time.Duration{0, -time.Second, time.Microsecond} {
			if err := store.Set(t.Context(), key, []byte("x"), ttl); err == nil {
				t.Errorf("took a value for %v", ttl)
			}
		}
		if values, err := store.Get(t.Context(), key); err != nil || values[0] != nil {
			t.Errorf("Get = %q, %v, want nothing", values, err)
		}
		if err := store.Set(t.Context(), key, make([]byte, cache.MaxValue), time.Minute); err != nil {
			t.Errorf("the largest value: %v", err)
		}
		if values, err := store.Get(t.Context(), key); err != nil || len(values[0]) != cache.MaxValue {
			t.Errorf("the largest value came back with %d bytes, %v", len(values[0]), err)
		}
	})
}

func TestStoreForgetsWhatBeginsAlike(t *testing.T) {
	each(t, func(t *testing.T, view func() cache.Store) {
		store, name := view(), unique()
		keys := []string{"a:1", "a:2", "ab:1", "b:1", "a*:1", "*", "a[b]?\\:1", ""}
		var names []string
		for _, key := range keys {
			names = append(names, name+key)
			if err := store.Set(t.Context(), name+key, []byte("x"), time.Minute); err != nil {
				t.Fatal(err)
			}
		}
		left := func() string {
			values, err := view().Get(t.Context(), names...)
			if err != nil {
				t.Fatal(err)
			}
			var left []string
			for i, value := range values {
				if value != nil {
					left = append(left, keys[i])
				}
			}
			return strings.Join(left, " ")
		}
		for _, step := range []struct{ prefix, left string }{
			{"z", `a:1 a:2 ab:1 b:1 a*:1 * a[b]?\:1 `},
			{"a*:", `a:1 a:2 ab:1 b:1 * a[b]?\:1 `},
			{"a:", `ab:1 b:1 * a[b]?\:1 `},
			{`a[b]?\:`, `ab:1 b:1 * `},
			{"*", `ab:1 b:1 `},
			{"", ""},
		} {
			if err := store.DeletePrefix(t.Context(), name+step.prefix); err != nil {
				t.Fatal(err)
			}
			if got := left(); got != step.left {
				t.Errorf("without %q there are %q, want %q", step.prefix, got, step.left)
			}
		}
	})
}

func TestStoreIsSafeForConcurrentUse(t *testing.T) {
	each(t, func(t *testing.T, view func() cache.Store) {
		store, name := view(), unique()
		var wait sync.WaitGroup
		for worker := range 8 {
			wait.Go(func() {
				for i := range 100 {
					key := fmt.Sprintf("%s-%d", name, (worker+i)%5)
					if err := store.Set(t.Context(), key, []byte(key), time.Minute); err != nil {
						t.Error(err)
					}
					if values, err := store.Get(t.Context(), key); err != nil || string(values[0]) != key {
						t.Errorf("Get = %q, %v, want %s", values, err, key)
					}
				}
			})
		}
		wait.Wait()
	})
}

func TestProcessForgetsInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := newProcess(t)
		for key, ttl := range map[string]time.Duration{"short": time.Second, "long": time.Hour} {
			if err := store.Set(t.Context(), key, []byte(key), ttl); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second - time.Millisecond)
		if values, _ := store.Get(t.Context(), "short"); values[0] == nil {
			t.Error("forgot before its time")
		}
		time.Sleep(2 * time.Millisecond)
		if values, _ := store.Get(t.Context(), "short", "long"); values[0] != nil || values[1] == nil {
			t.Errorf("after a second Get = %q, want the long one only", values)
		}
	})
}

func TestProcessStaysWithinItsBytes(t *testing.T) {
	store, err := cache.NewProcess(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	const size, count = 10_000, 1000
	keys := make([]string, count)
	for i := range keys {
		keys[i] = fmt.Sprint(i)
		if err := store.Set(t.Context(), keys[i], make([]byte, size), time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	held := func() (bytes int) {
		values, _ := store.Get(t.Context(), keys...)
		for _, value := range values {
			bytes += len(value)
		}
		return bytes
	}
	eventually(t, "no more than the bound is held", func() bool { return held() <= 1<<20 })
	if held() == 0 {
		t.Error("nothing is held")
	}
}

func TestRedisForgetsInTime(t *testing.T) {
	url, key := servertest.Redis(t), unique()
	if err := newRedis(t, url).Set(t.Context(), key, []byte("x"), 90*time.Second); err != nil {
		t.Fatal(err)
	}
	left, err := servertest.RedisClient(t, url).PTTL(t.Context(), "dreamchat:"+key).Result()
	if err != nil || left > 90*time.Second || left < 60*time.Second {
		t.Errorf("is kept for %v, %v, want 90 s", left, err)
	}
}

// eventually polls until the condition holds, for ten seconds at most.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	poll := time.NewTicker(5 * time.Millisecond)
	defer poll.Stop()
	for !holds() {
		select {
		case <-poll.C:
		case <-deadline:
			t.Fatalf("not within ten seconds: %s", what)
		}
	}
}
