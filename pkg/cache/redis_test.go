package cache_test

import (
	"context"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"dreamchat/pkg/cache"
	"dreamchat/pkg/servertest"
)

// gated returns a Redis behind a gate.
func gated(t testing.TB) (*cache.Redis, *servertest.Gate) {
	t.Helper()
	behind, g, _ := gatedAt(t)
	return behind, g
}

// gatedAt is gated, with the URL that leads past the gate.
func gatedAt(t testing.TB) (behind *cache.Redis, g *servertest.Gate, past string) {
	t.Helper()
	past = servertest.Redis(t)
	address, err := url.Parse(past)
	if err != nil {
		t.Fatal(err)
	}
	g = servertest.NewGate(t, address.Host)
	address.Host = g.Addr()
	return newRedis(t, address.String()), g, past
}

func TestRedisThatIsAwayFailsFast(t *testing.T) {
	for name, leave := range map[string]func(*servertest.Gate){
		"refuses":      (*servertest.Gate).Shut,
		"falls silent": (*servertest.Gate).FallSilent,
	} {
		t.Run(name, func(t *testing.T) {
			store, g := gated(t)
			if err := store.Ping(t.Context()); err != nil {
				t.Fatal(err)
			}
			leave(g)
			begun := time.Now()
			if _, err := store.Get(t.Context(), "key"); err == nil {
				t.Fatal("Get: no error")
			}
			if took := time.Since(begun); took > 1500*time.Millisecond {
				t.Errorf("the first call took %v", took)
			}
			knocks, begun := g.Knocks(), time.Now()
			var wait sync.WaitGroup
			for range 1000 {
				wait.Go(func() {
					if store.Set(t.Context(), "key", []byte("x"), time.Minute) == nil || store.Ping(t.Context()) == nil {
						t.Error("no error")
					}
				})
			}
			wait.Wait()
			took := time.Since(begun)
			if took > 5*time.Second {
				t.Errorf("2000 more calls took %v", took)
			}
			if tried := g.Knocks() - knocks; tried > 1+int(took/time.Second) {
				t.Errorf("%d of them tried to connect within %v, want one each second", tried, took)
			}
			g.Open()
			eventually(t, "Redis is used again", func() bool { return store.Ping(t.Context()) == nil })
		})
	}
}

func TestCallersWhoLeaveDoNotMakeRedisAway(t *testing.T) {
	store, g := gated(t)
	if err := store.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	g.FallSilent()
	ctx, leave := context.WithCancel(t.Context())
	leave()
	if err := store.Ping(ctx); err == nil {
		t.Error("Ping: no error for a caller who left")
	}
	g.Open()
	// The gate has hung up, which this caller may notice; but it is let through.
	if err := store.Ping(t.Context()); err != nil && strings.Contains(err.Error(), "is away") {
		t.Errorf("Ping of another caller: %v", err)
	}
}

func TestErrorsOfTheServerDoNotMakeRedisAway(t *testing.T) {
	address, name := servertest.Redis(t), unique()
	store := newRedis(t, address)
	if err := servertest.RedisClient(t, address).LPush(t.Context(), "dreamchat:"+name, "x").Err(); err != nil {
		t.Fatal(err)
	}
	if values, err := store.Get(t.Context(), name); err != nil || values[0] != nil {
		t.Errorf("a key of another type: %q, %v, want a miss", values, err)
	}
	if err := store.Set(t.Context(), name, []byte("x"), time.Minute); err != nil {
		t.Errorf("Set: %v", err)
	}
}

func TestRedisURLErrorsHidePasswords(t *testing.T) {
	for _, address := range []string{
		"redis://user:s3cret@host:port",
		"redis://:s3c/s3cret@host:6379",
		"redis://:s3c#s3cret@host:6379/s3cret",
		"redis://:%zzs3cret@host:6379",
		"http://:s3cret@host:6379",
		"redis://:s3cret@host:6379/0?s3cret=1",
		"s3cret",
		"",
	} {
		store, err := cache.NewRedis(address, slog.New(slog.DiscardHandler))
		if err == nil {
			store.Close()
			t.Errorf("took %q", address)
			continue
		}
		if strings.Contains(err.Error(), "s3c") {
			t.Errorf("error shows the password: %v", err)
		}
	}
	store := newRedis(t, "redis://user:s3cret@127.0.0.1:1")
	if err := store.Ping(t.Context()); err == nil || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("Ping: %v, want an error without the password", err)
	}
}
