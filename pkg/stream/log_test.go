package stream_test

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"dreamchat/pkg/stream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestReaderGetsWhatFollowsItsCursor(t *testing.T) {
	t.Parallel()
	var log stream.Log[string]
	if err := log.Append("a", "b", "c"); err != nil {
		t.Fatal(err)
	}
	for after, want := range [][]string{{"a", "b", "c"}, {"b", "c"}, {"c"}} {
		got, _, err := log.Peek(after)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("Peek(%d) = %v, %v; want %v", after, got, err, want)
		}
	}
	if log.Len() != 3 {
		t.Errorf("Len() = %d, want 3", log.Len())
	}
}

func TestReaderWaitsForTheNextEvent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log stream.Log[string]
		got := make(chan []string)
		go func() {
			events, _ := log.Next(t.Context(), 0)
			got <- events
		}()
		synctest.Wait()
		select {
		case events := <-got:
			t.Fatalf("an empty log gave %v", events)
		default:
		}
		_ = log.Append("a")
		if events := <-got; !slices.Equal(events, []string{"a"}) {
			t.Errorf("woken with %v", events)
		}
	})
}

func TestReaderLeavesWithTheCauseOfItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log stream.Log[string]
		gone := errors.New("gone")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, gone)
		defer cancel()
		if _, err := log.Next(ctx, 0); !errors.Is(err, gone) {
			t.Errorf("Next returned %v, want %v", err, gone)
		}
	})
}

func TestSealedLogIsDrainedBeforeItEnds(t *testing.T) {
	t.Parallel()
	var log stream.Log[string]
	if err := log.Seal("last"); err != nil {
		t.Fatal(err)
	}
	if events, _, err := log.Peek(0); err != nil || !slices.Equal(events, []string{"last"}) {
		t.Errorf("Peek(0) = %v, %v", events, err)
	}
	if _, _, err := log.Peek(1); !errors.Is(err, io.EOF) {
		t.Errorf("Peek(1) ended with %v, want EOF", err)
	}
	if err := log.Append("late"); !errors.Is(err, stream.ErrSealed) {
		t.Errorf("Append after Seal returned %v", err)
	}
	if err := log.Seal("late"); !errors.Is(err, stream.ErrSealed) {
		t.Errorf("Seal after Seal returned %v", err)
	}
}

func TestBrokenLogTellsWhy(t *testing.T) {
	t.Parallel()
	why := errors.New("lost")
	var log stream.Log[string]
	_ = log.Append("a")
	log.Break(why)
	if events, _, err := log.Peek(0); err != nil || len(events) != 1 {
		t.Errorf("Peek(0) = %v, %v", events, err)
	}
	if _, _, err := log.Peek(1); !errors.Is(err, why) {
		t.Errorf("Peek(1) ended with %v, want %v", err, why)
	}
}

func TestWhatAReaderHoldsNeverChanges(t *testing.T) {
	t.Parallel()
	var log stream.Log[int]
	_ = log.Append(1, 2, 3)
	held, _, _ := log.Peek(1)
	for i := range 100 {
		_ = log.Append(i)
	}
	if !slices.Equal(held, []int{2, 3}) {
		t.Errorf("the slice became %v", held)
	}
	if cap(held) != 2 {
		t.Errorf("a reader could write over the log: cap %d", cap(held))
	}
}

// Any interleaving of appends, reads and reconnections delivers each event
// once, in order, to every reader.
func TestEveryReaderGetsEachEventOnceInOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var log stream.Log[int]
		written := 0
		read := make([][]int, rapid.IntRange(1, 5).Draw(t, "readers"))
		t.Repeat(map[string]func(*rapid.T){
			"append": func(t *rapid.T) {
				for range rapid.IntRange(1, 10).Draw(t, "n") {
					_ = log.Append(written)
					written++
				}
			},
			"read": func(t *rapid.T) {
				i := rapid.IntRange(0, len(read)-1).Draw(t, "reader")
				events, _, _ := log.Peek(len(read[i]))
				// A reader may take a part of a batch before it is cut off.
				part := rapid.IntRange(0, len(events)).Draw(t, "part")
				read[i] = append(read[i], events[:part]...)
			},
		})
		_ = log.Seal(written)
		for i := range read {
			for {
				events, err := log.Next(context.Background(), len(read[i]))
				if errors.Is(err, io.EOF) {
					break
				}
				read[i] = append(read[i], events...)
			}
			for at, event := range read[i] {
				if event != at {
					t.Fatalf("reader %d has %d at %d", i, event, at)
				}
			}
			if len(read[i]) != written+1 {
				t.Fatalf("reader %d has %d events of %d", i, len(read[i]), written+1)
			}
		}
	})
}

func TestManyReadersOfOneWriter(t *testing.T) {
	t.Parallel()
	const readers, events = 200, 500
	var log stream.Log[int]
	results := make(chan int, readers)
	for range readers {
		go func() {
			sum, after := 0, 0
			for {
				batch, err := log.Next(context.Background(), after)
				if err != nil {
					results <- sum
					return
				}
				for _, event := range batch {
					sum += event
				}
				after += len(batch)
			}
		}()
	}
	for i := range events {
		_ = log.Append(i)
	}
	_ = log.Seal()
	for range readers {
		if sum := <-results; sum != events*(events-1)/2 {
			t.Fatalf("a reader's sum is %d", sum)
		}
	}
}
