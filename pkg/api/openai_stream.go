package api

import (
	"encoding/json"
	"sync"

	"github.com/labstack/echo/v4"

	"dreamchat/pkg/sse"
)

// chunkWriter writes a stream of OpenAI's wire. The status is sent with the first
// chunk, so that an error before it has its own. Close it in the end.
type chunkWriter struct {
	server *Server
	c      echo.Context

	mu      sync.Mutex    // guards the stream, which is kept alive while nobody writes
	stream  *streamWriter // nil before the first chunk
	closing chan struct{}
	beating sync.WaitGroup
}

func (s *Server) chunkWriter(c echo.Context) *chunkWriter {
	return &chunkWriter{server: s, c: c, closing: make(chan struct{})}
}

func (w *chunkWriter) open() {
	if w.stream == nil {
		w.stream = w.server.openStream(w.c)
		w.beating.Go(w.beat)
	}
}

// beat breaks silences with heartbeats.
func (w *chunkWriter) beat() {
	for {
		select {
		case <-w.stream.silence.C:
		case <-w.closing:
			return
		}
		w.mu.Lock()
		rest, err := w.stream.keepAlive(w.server.Heartbeat)
		w.mu.Unlock()
		if err != nil {
			return // the client has gone
		}
		w.stream.silence.Reset(rest)
	}
}

func (w *chunkWriter) close() {
	close(w.closing)
	w.beating.Wait()
	if w.stream != nil {
		w.stream.close()
	}
}

// chunks writes JSON objects without line breaks, each as an event, at once. It
// tells whether somebody still reads.
func (w *chunkWriter) chunks(objects ...[]byte) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open()
	b := w.stream.batch()
	defer b.free()
	for _, object := range objects {
		b.frame = sse.End(append(sse.Begin(b.frame, ""), object...))
		if b.flush(maxWrite) != nil {
			return false
		}
	}
	return b.flush(1) == nil
}

// object writes one event of our own.
func (w *chunkWriter) object(body any) bool {
	text, err := json.Marshal(body)
	return err == nil && w.chunks(text)
}

// end ends the stream: a whole one with [DONE], another one with its error and
// without [DONE]. Before the first chunk it returns the error, for a status.
func (w *chunkWriter) end(err error) error {
	switch {
	case err != nil && w.stream == nil:
		return err
	case err != nil:
		w.object(openAIError(w.server.toProblem(err, w.c)))
	default:
		w.chunks([]byte("[DONE]"))
	}
	return nil
}
