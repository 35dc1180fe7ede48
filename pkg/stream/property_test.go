package stream_test

import (
	"context"
	"errors"
	"io"
	"testing"

	"pgregory.net/rapid"

	"dreamchat/pkg/stream"
)

// Readers who are cut off anywhere and come back from any event that they had, while
// the log grows and ends, get each event once and in order, and then the end.
func TestReadersThatComeBackMissNothingWhileTheLogGrows(t *testing.T) {
	t.Parallel()
	gone := errors.New("gone")
	rapid.Check(t, func(t *rapid.T) {
		batches := rapid.SliceOfN(rapid.IntRange(1, 20), 0, 50).Draw(t, "batches")
		cuts := rapid.SliceOfN(rapid.SliceOfN(rapid.IntRange(0, 30), 1, 10), 1, 8).Draw(t, "cuts")
		broken := rapid.Bool().Draw(t, "broken")
		var log stream.Log[int]
		ends := make(chan error, len(cuts))
		read := make([][]int, len(cuts))
		for i := range cuts {
			go func() {
				var err error
				read[i], err = followCut(&log, cuts[i])
				ends <- err
			}()
		}
		written := 0
		for _, n := range batches {
			for range n {
				_ = log.Append(written)
				written++
			}
		}
		want := gone
		if broken {
			log.Break(gone)
		} else {
			want = io.EOF
			_ = log.Seal(written)
			written++
		}
		for range cuts {
			if err := <-ends; !errors.Is(err, want) {
				t.Fatalf("a reader ends with %v", err)
			}
		}
		for _, events := range read {
			for at, event := range events {
				if event != at {
					t.Fatalf("a reader has %d at %d", event, at)
				}
			}
			if len(events) != written {
				t.Fatalf("a reader has %d events of %d", len(events), written)
			}
		}
	})
}

// followCut reads to the end. Each cut takes no more than so many events of a batch,
// and then comes back from as many events before.
func followCut(log *stream.Log[int], cuts []int) (has []int, err error) {
	for turn := 0; ; turn++ {
		events, err := log.Next(context.Background(), len(has))
		if err != nil {
			return has, err
		}
		if turn >= len(cuts) {
			has = append(has, events...)
			continue
		}
		has = append(has, events[:min(cuts[turn], len(events))]...)
		has = has[:max(0, len(has)-cuts[turn])]
	}
}
