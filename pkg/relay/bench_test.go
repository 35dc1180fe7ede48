package relay_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/relay"
	"dreamchat/pkg/servertest"
	"dreamchat/pkg/stream"
)

// saveEvery is how often the database is said to hold what there is, so that
// Redis forgets.
const saveEvery = 100

// direct is a relay that runs until the benchmark ends, with no gate before Redis.
func direct(b *testing.B, url string) *relay.Relay {
	options, err := redis.ParseURL(url)
	if err != nil {
		b.Fatal(err)
	}
	client := redis.NewClient(options)
	r := relay.New(client, slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = r.Run(ctx) }) // it has no error
	b.Cleanup(func() {
		cancel()
		running.Wait()
		_ = client.Close() // nothing is lost with it
	})
	return r
}

// benchmark appends one chunk to each of so many streams at a time and waits until
// each has been seen where follow follows it.
func benchmark(b *testing.B, follow func(made, other *relay.Relay, id string, log *stream.Log[chat.Event], seen chan<- int)) {
	for _, streams := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("streams=%d", streams), func(b *testing.B) {
			url := servertest.Redis(b)
			made, other := direct(b, url), direct(b, url)
			seen := make(chan int, streams)
			publications := make([]chat.Publication, streams)
			for i := range publications {
				id, log := fmt.Sprint(i), new(stream.Log[chat.Event])
				publications[i] = made.Publish(id, log)
				follow(made, other, id, log, seen)
			}
			n := 0
			for b.Loop() {
				for _, publication := range publications {
					publication.Append(chat.Event{Type: chat.EventChunk, Text: " token"})
				}
				for waiting := streams; waiting > 0; {
					waiting -= <-seen
				}
				if n++; n%saveEvery == 0 {
					for _, publication := range publications {
						publication.Saved(n)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n*streams), "ns/chunk")
		})
	}
}

// BenchmarkVisibleHere is from an append to a reader of the same instance.
func BenchmarkVisibleHere(b *testing.B) {
	benchmark(b, func(_, _ *relay.Relay, _ string, log *stream.Log[chat.Event], seen chan<- int) {
		go func() {
			for after := 0; ; {
				events, err := log.Next(b.Context(), after)
				if err != nil {
					return
				}
				after += len(events)
				seen <- len(events)
			}
		}()
	})
}

// BenchmarkVisibleElsewhere is from an append to who listens on another instance.
func BenchmarkVisibleElsewhere(b *testing.B) {
	benchmark(b, func(_, other *relay.Relay, id string, _ *stream.Log[chat.Event], seen chan<- int) {
		bell := other.Listen(chat.StreamTopic(id))
		<-bell.C // from now on it hears
		go func() {
			defer bell.Close()
			for after := 0; ; {
				select {
				case <-bell.C:
				case <-b.Context().Done():
					return
				}
				tail, err := other.Tail(b.Context(), id, after)
				if err != nil {
					return
				}
				after += len(tail.Events)
				seen <- len(tail.Events)
			}
		}()
	})
}
