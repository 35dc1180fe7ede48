package limit_test

import (
	"testing"
	"time"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/limit"
	"dreamchat/pkg/servertest"
)

// What limits add to each request, beside the shortest round trip to Redis.
func BenchmarkRequest(b *testing.B) {
	client := connect(b, servertest.Redis(b))
	counts := []auth.Count{
		{Scope: "user", Of: "01980f2e-9b07-7d90-b1c3-6e4a8f025c31", Alias: "token", Rate: auth.Rate{Quota: 1_000_000, Period: time.Second}},
		{Scope: "address", Of: "192.0.2.1", Rate: auth.Rate{Quota: 1_000_000, Period: time.Second}},
	}
	take := func(l *limit.Limiter) func(*testing.B) {
		return func(b *testing.B) {
			for b.Loop() {
				if _, ok := l.Take(b.Context(), counts...); !ok {
					b.Fatal("refused")
				}
			}
		}
	}
	b.Run("bare PING", func(b *testing.B) {
		for b.Loop() {
			if err := client.Ping(b.Context()).Err(); err != nil {
				b.Fatal(err)
			}
		}
	})
	shared, _ := start(b, limit.Config{Redis: client})
	b.Run("in Redis", take(shared))
	alone, _ := start(b, limit.Config{})
	b.Run("in the process", take(alone))
	b.Run("refused", func(b *testing.B) {
		count := auth.Count{Scope: "user", Of: "refused", Rate: auth.Rate{Quota: 1, Period: 24 * time.Hour}}
		alone.Take(b.Context(), count)
		for b.Loop() {
			if _, ok := alone.Take(b.Context(), count); ok {
				b.Fatal("not refused")
			}
		}
	})
}
