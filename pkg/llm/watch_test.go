package llm

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// watching runs a test on a fake clock with a watch of a minute.
func watching(t *testing.T, test func(*watch, context.Context)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		w := newWatch(time.Minute, cancel)
		defer w.stop()
		test(w, ctx)
	})
}

func TestWatchFiresAfterOneLongWait(t *testing.T) {
	watching(t, func(w *watch, ctx context.Context) {
		began := time.Now()
		time.Sleep(42 * time.Second) // the fake clock's
		w.begin()
		<-ctx.Done()
		if took := time.Since(began); took != 102*time.Second || !errors.Is(context.Cause(ctx), errSilent) {
			t.Errorf("fired after %v with %v", took, context.Cause(ctx))
		}
	})
}

func TestWatchForgivesManyShortWaits(t *testing.T) {
	watching(t, func(w *watch, ctx context.Context) {
		for range 100 {
			w.begin()
			time.Sleep(59 * time.Second)
			w.end()
		}
		if ctx.Err() != nil {
			t.Errorf("fired with %v", context.Cause(ctx))
		}
	})
}

func TestWatchDoesNotCountWhatTheConsumerTakes(t *testing.T) {
	watching(t, func(w *watch, ctx context.Context) {
		w.begin()
		w.end()
		time.Sleep(time.Hour)
		w.begin()
		time.Sleep(59 * time.Second)
		if ctx.Err() != nil {
			t.Errorf("fired with %v", context.Cause(ctx))
		}
	})
}

func TestWatchTightens(t *testing.T) {
	watching(t, func(w *watch, ctx context.Context) {
		began := time.Now()
		w.tighten(time.Second)
		w.tighten(time.Hour)
		w.begin()
		<-ctx.Done()
		if took := time.Since(began); took != time.Second {
			t.Errorf("fired after %v", took)
		}
	})
}
