package api

import (
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/sse"
)

// maxWrite bounds what one write takes from a long replay, in bytes.
const maxWrite = 64 << 10

// frames are buffers for writes. A stream holds one only while it writes, so
// that ten thousand silent ones hold none.
//
//nolint:gochecknoglobals // a pool of empty buffers
var frames = sync.Pool{New: func() any { return new([]byte) }}

// streamWriter writes one event stream.
type streamWriter struct {
	server   *Server
	writer   http.ResponseWriter
	control  *http.ResponseController
	deadline time.Time // when a write that stands still is given up
	wrote    time.Time
	begun    bool // whether the first event is out
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
	}
	s.streams.Inc()
	_ = w.control.Flush() // a client that has gone shows at the first write
	return w
}

func (w *streamWriter) close() { w.server.streams.Dec() }

// events writes a batch of the feed and moves its cursor. A replay is merged.
func (w *streamWriter) events(feed *chat.Feed, events []chat.Event, replay bool) error {
	buffer := frames.Get().(*[]byte) //nolint:forcetypeassert // the pool holds nothing else
	defer frames.Put(buffer)
	frame := (*buffer)[:0]
	write := func(seq int, event chat.Event) error {
		frame = w.retry(frame)
		frame = sse.AppendID(frame, feed.Attempt, seq)
		frame = sse.Begin(frame, event.Type.String())
		frame = feed.AppendPayload(frame, seq, event)
		frame = sse.End(frame)
		if len(frame) < maxWrite {
			return nil
		}
		err := w.write(frame)
		frame = frame[:0]
		return err
	}
	err := each(events, feed.After+1, replay, write)
	if err == nil && len(frame) > 0 {
		err = w.write(frame)
	}
	*buffer = frame
	feed.After += len(events)
	return err
}

func each(events []chat.Event, first int, merged bool, write func(int, chat.Event) error) error {
	if merged {
		for seq, event := range chat.Merge(events, first) {
			if err := write(seq, event); err != nil {
				return err
			}
		}
		return nil
	}
	for i, event := range events {
		if err := write(first+i, event); err != nil {
			return err
		}
	}
	return nil
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
