package llmtest

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// StampWidth is the number of digits of a stamp.
const StampWidth = 19

// Load is a provider for load tests: any number of streams of chunks that are
// encoded once, each sent by one write and one flush. Its fields are set before
// it serves.
//
// A prompt that holds "fake:" and words such as chunks=5, bytes=20, delay=1ms,
// first=2s or status=429 after it sets these for its own answer.
type Load struct {
	// Chunks is the number of chunks of an answer, of ChunkBytes bytes of text.
	Chunks, ChunkBytes int
	// First is the time before the first chunk, Delay that between two; 0 for
	// as fast as the client reads.
	First, Delay time.Duration
	// Comment is sent as a comment before the first chunk; empty for none.
	Comment string
	// ErrorRate is the part of the requests, from 0 to 1, that is answered 503.
	ErrorRate float64
	// Stamp makes the text of every chunk begin with the time at which it is
	// sent: nanoseconds since 1970, in StampWidth digits.
	Stamp bool
}

const (
	maxChunk  = 1 << 20
	chunkHead = `data: {"id":"gen-load","provider":"Load","model":"load/model","object":"chat.completion.chunk",` +
		`"created":1732000000,"choices":[{"index":0,"delta":{"role":"assistant","content":"`
	chunkTail = `"},"finish_reason":null,"native_finish_reason":null,"logprobs":null}]}` + "\n\n"
)

// ServeHTTP implements [http.Handler].
func (l Load) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	if request.Method == http.MethodGet && strings.HasSuffix(request.URL.Path, "/models") {
		serveModels(w)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, request.Body, maxBody))
	if err != nil {
		return // the client left while it was asking
	}
	status := l.override(string(body))
	if status == 0 && l.ErrorRate > 0 && rand.Float64() < l.ErrorRate {
		status = http.StatusServiceUnavailable
	}
	if status >= http.StatusBadRequest {
		play(w, request, []Step{ErrorStatus(status, "You asked for it.", "1")})
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Generation-Id", "gen-load")
	l.stream(request.Context(), w)
}

// override takes in what the prompt asks for, and returns the status if it
// asks for one.
func (l *Load) override(prompt string) (status int) {
	_, words, _ := strings.Cut(prompt, "fake:")
	words, _, _ = strings.Cut(words, `"`)
	for word := range strings.FieldsSeq(words) {
		name, value, _ := strings.Cut(word, "=")
		number, _ := strconv.Atoi(value)
		wait, _ := time.ParseDuration(value)
		switch name {
		case "chunks":
			l.Chunks = number
		case "bytes":
			l.ChunkBytes = number
		case "delay":
			l.Delay = wait
		case "first":
			l.First = wait
		case "status":
			status = number
		}
	}
	return status
}

func (l *Load) stream(ctx context.Context, w http.ResponseWriter) {
	out := http.NewResponseController(w)
	send := func(event []byte) bool {
		_, err := w.Write(event)
		return err == nil && out.Flush() == nil
	}
	if l.Comment != "" && !send([]byte(": "+l.Comment+"\n\n")) {
		return
	}
	if l.First > 0 && (out.Flush() != nil || !sleep(ctx, l.First)) {
		return
	}
	chunk := []byte(chunkHead + l.text() + chunkTail)
	stamp := chunk[len(chunkHead) : len(chunkHead) : len(chunkHead)+StampWidth]
	for i := range l.Chunks {
		if i > 0 && l.Delay > 0 && !sleep(ctx, l.Delay) {
			return
		}
		if l.Stamp {
			strconv.AppendInt(stamp, time.Now().UnixNano(), 10)
		}
		if !send(chunk) {
			return
		}
	}
	send(fmt.Appendf(nil, `data: {"id":"gen-load","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`+"\n\n"+
		`data: {"id":"gen-load","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":%d,"total_tokens":%d,"cost":0}}`+"\n\n"+
		"data: [DONE]\n\n", l.Chunks, l.Chunks+1))
}

// text is what every chunk says; the stamp is written over its start.
func (l *Load) text() string {
	size := min(max(l.ChunkBytes, 1), maxChunk)
	if l.Stamp {
		size = max(size, StampWidth+1)
	}
	word := strings.Repeat("token", size/len("token")+1)[:size-1]
	if l.Stamp {
		return word + " " // the space ends the stamp
	}
	return " " + word
}

func sleep(ctx context.Context, wait time.Duration) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
