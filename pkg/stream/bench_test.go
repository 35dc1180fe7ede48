package stream_test

import (
	"strconv"
	"testing"

	"dreamchat/pkg/stream"
)

func BenchmarkAppend(b *testing.B) {
	b.ReportAllocs()
	var log *stream.Log[[3]uint64]
	for i := range b.N {
		if i%500 == 0 {
			log = new(stream.Log[[3]uint64])
		}
		_ = log.Append([3]uint64{uint64(i)})
	}
}

// BenchmarkFollow is one event handed from a writer to readers that wait.
func BenchmarkFollow(b *testing.B) {
	for _, readers := range []int{1, 100, 1000} {
		b.Run(strconv.Itoa(readers), func(b *testing.B) {
			b.ReportAllocs()
			var log stream.Log[int]
			took := make(chan struct{}, readers)
			for range readers {
				go func() {
					for after := 0; ; {
						events, err := log.Next(b.Context(), after)
						if err != nil {
							return
						}
						for range events {
							took <- struct{}{}
						}
						after += len(events)
					}
				}()
			}
			for i := range b.N {
				_ = log.Append(i)
				for range readers {
					<-took
				}
			}
			_ = log.Seal()
		})
	}
}
