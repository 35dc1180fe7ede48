package api_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"dreamchat/pkg/api"
	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/llm"
)

const (
	aChunk = `data: {"id":"gen-1732000000-AbCdEfGhIjKlMnOpQrSt","provider":"OpenAI","model":"openai/gpt-4o-mini",` +
		`"object":"chat.completion.chunk","created":1732000000,"choices":[{"index":0,"delta":{"role":"assistant",` +
		`"content":" world"},"finish_reason":null,"native_finish_reason":null,"logprobs":null}]}` + "\n\n"
	theEnd = `data: {"id":"gen-1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}` + "\n\ndata: [DONE]\n\n"
	// perAnswer is so many that what an answer costs besides them hardly counts.
	perAnswer = 50_000
)

// BenchmarkChunk is the whole way of one chunk, from the provider's bytes through the
// decoder, the answer, its log and the frame to the write to the reader: each chunk
// by itself, with the reader waiting for it, and as many as come. Beside it stands
// the same bytes copied from the one to the other.
func BenchmarkChunk(b *testing.B) {
	way := newWay(b)
	b.Run("one by one", func(b *testing.B) { way.run(b, true) })
	b.Run("as they come", func(b *testing.B) { way.run(b, false) })
	b.Run("copy", func(b *testing.B) {
		b.ReportAllocs()
		from, to := &provider{left: b.N}, &reader{}
		if _, err := io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{from}, make([]byte, 4<<10)); err != nil {
			b.Fatal(err)
		}
	})
}

// A chunk takes its text, the bell that wakes the reader, and a part of what the log
// and the answer grow by; the race detector adds to that.
func TestAChunkAllocatesLittle(t *testing.T) {
	way := newWay(t)
	measured := testing.Benchmark(func(b *testing.B) { way.run(b, true) })
	if measured.AllocsPerOp() > 4 {
		t.Errorf("%d chunks: %s", measured.N, measured.MemString())
	}
}

// way is a service between a provider and a reader that have no network.
type way struct {
	service *apitest.Service
	user    *apitest.User
	handler http.Handler
	answer  *provider
}

func newWay(tb testing.TB) *way {
	tb.Helper()
	service := apitest.Start(tb, apitest.Options{})
	w := &way{service: service, user: service.User()}
	s := service.Server
	w.handler = (&api.Server{
		Accounts: s.Accounts, Tokens: s.Tokens, Models: s.Models, Conversations: s.Conversations, Messages: s.Messages,
		Generations: s.Generations, Log: s.Log, Metrics: prometheus.NewRegistry(),
		BodyLimit: s.BodyLimit, Heartbeat: time.Minute, WriteTimeout: time.Minute,
	}).Handler()
	s.Generations.Titles = false
	s.Models.Providers["openrouter"] = &llm.Client{HTTP: &http.Client{Transport: w}, Silence: time.Minute, FirstToken: time.Minute}
	return w
}

// RoundTrip gives the answer that is to be made.
func (w *way) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK,
		Header:     http.Header{"Content-Type": {"text/event-stream"}},
		Body:       io.NopCloser(w.answer),
	}, nil
}

// run sends b.N chunks, in as many answers as that takes.
func (w *way) run(b *testing.B, turns bool) {
	b.Helper()
	path := "/api/v1/conversations/" + w.user.Conversation().ID + "/messages"
	b.ReportAllocs()
	for left := b.N; left > 0; left -= perAnswer {
		to := &reader{header: http.Header{}}
		w.answer = &provider{left: min(left, perAnswer), end: theEnd}
		if turns {
			to.took = make(chan struct{}, 1)
			w.answer.turn = to.took
		}
		request := httptest.NewRequestWithContext(b.Context(), http.MethodPost, path, strings.NewReader(`{"content":"Hi"}`))
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Authorization", "Bearer "+w.user.Session.AccessToken)
		w.handler.ServeHTTP(to, request)
		if to.status != http.StatusOK || !bytes.Contains(to.last, []byte("event: stream_complete")) {
			b.Fatalf("status %d, in the end %q", to.status, to.last)
		}
	}
}

// provider is the body of an answer.
type provider struct {
	left int
	rest string // of the chunk that is being read
	end  string
	turn <-chan struct{} // waited for before each chunk; nil for none
}

func (p *provider) Read(into []byte) (int, error) {
	switch {
	case p.rest != "":
	case p.left > 0:
		if p.turn != nil {
			<-p.turn
		}
		p.left--
		p.rest = aChunk
	case p.end != "":
		p.rest, p.end = p.end, ""
	default:
		return 0, io.EOF
	}
	n := copy(into, p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

// reader is the response, and tells of each write that it took it.
type reader struct {
	header http.Header
	status int
	took   chan struct{}
	last   []byte // write
}

func (r *reader) Header() http.Header { return r.header }

func (r *reader) WriteHeader(status int) { r.status = status }

func (r *reader) Write(frame []byte) (int, error) {
	if r.took != nil {
		select {
		case r.took <- struct{}{}:
		default: // the provider has no more to say
		}
	}
	r.last = append(r.last[:0], frame...)
	return len(frame), nil
}

func (r *reader) Flush() {}

func (r *reader) SetWriteDeadline(time.Time) error { return nil }
