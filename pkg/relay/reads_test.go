package relay_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"

	"dreamchat/pkg/servertest"
)

func TestTailsThatAreWantedAtOnceEachGetTheirOwn(t *testing.T) {
	t.Parallel()
	url := servertest.Redis(t)
	made, other := start(t, url), start(t, url)
	answers := make([]answer, 600) // of more than two round trips
	for i := range answers {
		answers[i] = publish(made)
		answers[i].Append(word(strconv.Itoa(i)))
	}
	eventually(t, "all are kept", func() bool {
		for _, a := range answers {
			if a.log.Len() < 2 {
				return false
			}
		}
		return true
	})
	var readers sync.WaitGroup
	for i, a := range answers {
		readers.Go(func() {
			found, err := other.Tail(t.Context(), a.id, 1)
			if err != nil || !found.Whole || texts(found.Events) != strconv.Itoa(i) {
				t.Errorf("stream %d: %q, %v, %v", i, texts(found.Events), found.Whole, err)
			}
		})
	}
	readers.Wait()
}

func TestATailIsNotWaitedForLongerThanItsReaderWants(t *testing.T) {
	t.Parallel()
	i := start(t, servertest.Redis(t))
	i.stop()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errGone)
	if found, err := i.Tail(ctx, "nobody reads it", 0); !errors.Is(err, errGone) {
		t.Errorf("%+v, %v", found, err)
	}
}
