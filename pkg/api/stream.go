package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"dreamchat/pkg/sse"
)

// streamWriter writes one event stream.
type streamWriter struct {
	server   *Server
	writer   http.ResponseWriter
	control  *http.ResponseController
	deadline time.Time // when a write that stands still is given up
	wrote    time.Time
	begun    bool          // whether the first event is out
	pause    time.Duration // how long EventSource is to wait, which reads no payload
	silence  *time.Timer
	guard    *guard // nil if nobody waits for more
}

// openStream sends the headers at once, so that the client knows it is heard.
func (s *Server) openStream(c echo.Context) *streamWriter {
	response := c.Response()
	header := response.Header()
	header.Set(echo.HeaderContentType, sse.ContentType)
	header.Set(echo.HeaderCacheControl, "no-store, no-transform")
	header.Set("X-Accel-Buffering", "no") // proxies must not hold events back
	response.WriteHeader(http.StatusOK)
	w := s.writer(c)
	w.silence = time.NewTimer(s.Heartbeat)
	s.streams.Inc()
	_ = w.control.Flush() // a client that has gone shows at the first write
	return w
}

// writer writes what is no event stream by the same deadlines.
func (s *Server) writer(c echo.Context) *streamWriter {
	response := c.Response()
	return &streamWriter{server: s, writer: response, control: http.NewResponseController(response), wrote: time.Now()}
}

// openGuarded is openStream for a reader who is sent away once it may not read on.
// It must be closed also if the error, an away, says that this is so already.
func (s *Server) openGuarded(c echo.Context) (*streamWriter, error) {
	guard := s.guard(c)
	w := s.openStream(c)
	w.guard = guard
	w.silence.Reset(guard.next(s.Heartbeat))
	return w, guard.check(c.Request().Context())
}

func (w *streamWriter) close() {
	if w.guard != nil {
		w.guard.close()
	}
	w.silence.Stop()
	w.server.streams.Dec()
}

// away is why a stream ends before its last event: its reader is sent away, to
// come again.
type away string

// Error makes it the end of a stream.
func (a away) Error() string { return "api: the reader is sent away: " + string(a) }

const (
	awayDraining    away = "draining"
	awayMoved       away = "moved" // the log goes on elsewhere
	awayUnavailable away = "unavailable"
	awayLimited     away = "limited" // the caller has sent too many requests
)

// leave tells the reader to come again, if that is why the stream ends.
func (w *streamWriter) leave(err error) {
	if reason, ok := errors.AsType[away](err); ok {
		_ = w.reconnect(reason, 0) // or the reader has gone
	}
}

// wait returns when there is more, or in silence, which it breaks with a
// heartbeat. It is an away when the reader is to be sent away, and another error
// when the reader has gone.
func (w *streamWriter) wait(ctx context.Context, more <-chan struct{}) error {
	select {
	case <-more:
		return nil
	case <-w.silence.C:
		return w.tick(ctx)
	case <-w.guard.bell.C:
		return w.guard.check(ctx)
	case <-w.server.draining():
		return awayDraining
	case <-ctx.Done():
		return ctx.Err()
	}
}

// tick does what is due now and then.
func (w *streamWriter) tick(ctx context.Context) error {
	if err := w.guard.tick(ctx, w); err != nil {
		return err
	}
	rest, err := w.keepAlive(w.server.Heartbeat)
	w.silence.Reset(w.guard.next(rest))
	return err
}

// tell writes an event that is not part of the log and has no id.
func (w *streamWriter) tell(name, payload string) error {
	frame := sse.Begin(w.retry(nil), name)
	return w.write(sse.End(append(frame, payload...)))
}

// reconnect asks the reader to come again, after a wait and a while of its own.
func (w *streamWriter) reconnect(reason away, wait time.Duration) error {
	w.pause = wait
	wait += jitter()
	return w.tell("stream_reconnect", `{"reason":"`+string(reason)+`","retryMs":`+strconv.FormatInt(wait.Milliseconds(), 10)+`}`)
}

// retry appends the wait before a reconnection, in the first event only.
func (w *streamWriter) retry(frame []byte) []byte {
	if w.begun {
		return frame
	}
	w.begun = true
	return sse.AppendRetry(frame, max(firstRetry, w.pause))
}

// keepAlive writes a heartbeat if nothing was written for the time given, and
// returns how long until the next may be due.
func (w *streamWriter) keepAlive(every time.Duration) (time.Duration, error) {
	if rest := every - time.Since(w.wrote); rest > 0 {
		return rest, nil
	}
	return every, w.write([]byte(sse.Heartbeat))
}

// write sends bytes and gives up on a client that does not take them in time.
// The deadline is moved only when half of it has passed: doing so for every
// write costs more than the write's own bookkeeping.
func (w *streamWriter) write(frame []byte) error {
	w.wrote = time.Now()
	if timeout := w.server.WriteTimeout; w.deadline.Sub(w.wrote) < timeout/2 {
		w.deadline = w.wrote.Add(timeout)
		// Unsupported only by a recorder in a test.
		_ = w.control.SetWriteDeadline(w.deadline)
	}
	if _, err := w.writer.Write(frame); err != nil {
		return err
	}
	return w.control.Flush()
}
