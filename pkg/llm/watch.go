package llm

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"time"
)

var (
	errSilent = errors.New("llm: the provider is silent")
	errLate   = errors.New("llm: the first token is late")
)

// watch cancels a request when waiting for the provider takes too long. What
// the consumer takes does not count. Marking a wait is two atomic stores: the
// timer is not touched but looks, when it fires, how long the wait has been.
type watch struct {
	cancel context.CancelCauseFunc
	start  time.Time
	limit  atomic.Int64 // nanoseconds, 0 for none
	since  atomic.Int64 // when the wait began, in nanoseconds after start
	timer  *time.Timer
	first  *time.Timer // until the first token; nil without a limit
}

// Values of since that are no time.
const (
	idle    = -1
	stopped = -2
)

func newWatch(limit time.Duration, cancel context.CancelCauseFunc) *watch {
	w := &watch{cancel: cancel, start: time.Now()}
	w.since.Store(idle)
	// check uses the timer, so it must not run before the timer is assigned.
	w.timer = time.AfterFunc(time.Hour, w.check)
	w.timer.Stop()
	if limit > 0 {
		w.tighten(limit)
	}
	return w
}

// expect sets how long the first token may take, whatever comes before it.
func (w *watch) expect(within time.Duration) {
	if within > 0 {
		w.first = time.AfterFunc(within, func() { w.cancel(errLate) })
	}
}

// arrived tells that the first token has come.
func (w *watch) arrived() {
	if w.first != nil {
		w.first.Stop()
	}
}

// tighten sets the limit from now on.
func (w *watch) tighten(limit time.Duration) {
	if old := w.limit.Load(); old == 0 || int64(limit) < old {
		w.limit.Store(int64(limit))
		w.timer.Reset(limit)
	}
}

func (w *watch) begin() { w.since.Store(int64(time.Since(w.start))) }

func (w *watch) end() { w.since.Store(idle) }

func (w *watch) stop() {
	w.since.Store(stopped)
	w.timer.Stop()
	w.arrived()
}

func (w *watch) check() {
	left := time.Duration(w.limit.Load())
	switch since := w.since.Load(); since {
	case stopped:
		return
	case idle:
	default:
		left -= time.Since(w.start) - time.Duration(since)
	}
	if left <= 0 {
		w.cancel(errSilent)
		return
	}
	w.timer.Reset(left)
}

// watched reads under a watch.
type watched struct {
	source io.Reader
	watch  *watch
}

func (r watched) Read(p []byte) (int, error) {
	r.watch.begin()
	n, err := r.source.Read(p)
	r.watch.end()
	return n, err
}
