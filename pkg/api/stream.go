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
	begun    bool // whether the first event is out
	silence  *time.Timer
}

// openStream sends the headers at once, so that the client knows it is heard.
func (s *Server) openStream(c echo.Context) *streamWriter {
	response := c.Response()
	header := response.Header()
	header.Set(echo.HeaderContentType, sse.ContentType)
	header.Set(echo.HeaderCacheControl, "no-store, no-transform")
	header.Set("X-Accel-Buffering", "no") // proxies must not hold events back
	response.WriteHeader(http.StatusOK)
	w := &streamWriter{
		server:  s,
		writer:  response,
		control: http.NewResponseController(response),
		wrote:   time.Now(),
		silence: time.NewTimer(s.Heartbeat),
	}
	s.streams.Inc()
	_ = w.control.Flush() // a client that has gone shows at the first write
	return w
}

func (w *streamWriter) close() {
	w.silence.Stop()
	w.server.streams.Dec()
}

// Why a stream ends before its last event: its reader is to come again.
var (
	errDraining = errors.New("api: the server is draining")
	errMoved    = errors.New("api: the log goes on elsewhere")
)

// wait returns when there is more, or in silence, which it breaks with a
// heartbeat. It is errDraining when the reader is to be sent away, and another
// error when the reader has gone.
func (w *streamWriter) wait(ctx context.Context, more <-chan struct{}) error {
	select {
	case <-more:
		return nil
	case <-w.silence.C:
		rest, err := w.keepAlive(w.server.Heartbeat)
		w.silence.Reset(rest)
		return err
	case <-w.server.draining():
		return errDraining
	case <-ctx.Done():
		return ctx.Err()
	}
}

// tell writes an event that is not part of the log and has no id.
func (w *streamWriter) tell(name, payload string) error {
	frame := sse.Begin(w.retry(nil), name)
	return w.write(sse.End(append(frame, payload...)))
}

// reconnect asks the reader to come again, after a while of its own.
func (w *streamWriter) reconnect(reason string) error {
	wait := strconv.FormatInt(jitter().Milliseconds(), 10)
	return w.tell("stream_reconnect", `{"reason":"`+reason+`","retryMs":`+wait+`}`)
}

// retry appends the wait before a reconnection, in the first event only.
func (w *streamWriter) retry(frame []byte) []byte {
	if w.begun {
		return frame
	}
	w.begun = true
	return sse.AppendRetry(frame, firstRetry)
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
