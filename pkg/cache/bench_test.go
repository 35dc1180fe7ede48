package cache_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"dreamchat/pkg/cache"
	"dreamchat/pkg/servertest"
)

// page is about as long as a page of twenty conversations.
func page() []byte { return bytes.Repeat([]byte("x"), 6<<10) }

func benchmarkList(b *testing.B, store cache.Store) {
	lists := &cache.Versioned{Store: store, Name: unique()}
	load := func(context.Context) ([]byte, error) { return page(), nil }
	if _, err := lists.Get(b.Context(), "ann", "page", load); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := lists.Get(b.Context(), "ann", "page", load); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkListInRedis(b *testing.B) {
	url := servertest.Redis(b)
	b.Run("versioned", func(b *testing.B) { benchmarkList(b, newRedis(b, url)) })
	b.Run("bare GET", func(b *testing.B) {
		client := servertest.RedisClient(b, url)
		if err := client.Set(b.Context(), "page", page(), time.Hour).Err(); err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := client.Get(b.Context(), "page").Bytes(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkListInProcess(b *testing.B) {
	b.Run("versioned", func(b *testing.B) { benchmarkList(b, newProcess(b)) })
	b.Run("store", func(b *testing.B) {
		store := newProcess(b)
		if err := store.Set(b.Context(), "page", page(), time.Hour); err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if _, err := store.Get(b.Context(), "page"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("bare map", func(b *testing.B) {
		pages := map[string][]byte{"page": page()}
		b.ReportAllocs()
		for b.Loop() {
			if pages["page"] == nil {
				b.Fatal("not there")
			}
		}
	})
}

func BenchmarkValue(b *testing.B) {
	models := make([]string, 400)
	for i := range models {
		models[i] = unique()
	}
	value := &cache.Value[[]string]{Versioned: cache.Versioned{Store: newProcess(b), Name: unique(), TTL: time.Hour}}
	load := func(context.Context) ([]string, error) { return models, nil }
	b.ReportAllocs()
	for b.Loop() {
		if _, err := value.Get(b.Context(), load); err != nil {
			b.Fatal(err)
		}
	}
}
