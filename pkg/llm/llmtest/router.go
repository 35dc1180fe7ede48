// Package llmtest is a model provider for tests and for load: it speaks
// OpenRouter's wire over real HTTP and does what a script tells it. It shares
// no code with the client that it is there to test.
package llmtest

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
)

const maxBody = 64 << 20

// Router is a scripted OpenRouter. Each request takes the next script of those
// queued by Script; without one it asks the function given to Choose, and
// without that it gives a short answer. The server's own requests for titles,
// known by their limit of 24 tokens, stand apart: they take the scripts queued by
// ScriptTitle, or get a short title, and are none of Exchanges. The zero Router is ready to serve, at
// any path that ends in /chat/completions, /models or /generation. All methods are safe for
// concurrent use.
type Router struct {
	// URL is what a client takes as its base, set by New.
	URL string

	mu      sync.Mutex
	choose  func(*Exchange) []Step
	settle  func(generationID string) []Step
	answers queue
	titles  queue
}

// Exchange is one request, as it was received.
type Exchange struct {
	Path   string
	Header http.Header
	Body   []byte
	// Gone is closed when the client leaves before the script is over.
	Gone <-chan struct{}
	// Done is closed when the answer is over, however it ended.
	Done <-chan struct{}
}

// New starts a Router on a port of its own; it stops when the test ends.
func New(tb testing.TB) *Router {
	tb.Helper()
	router := new(Router)
	server := httptest.NewServer(router)
	tb.Cleanup(func() {
		server.CloseClientConnections() // ends scripts that hang
		server.Close()
	})
	router.URL = server.URL + "/v1"
	return router
}

// Script queues the script of one request.
func (r *Router) Script(steps ...Step) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers.scripts = append(r.answers.scripts, steps)
}

// Choose sets how requests are answered that find no script queued.
func (r *Router) Choose(script func(*Exchange) []Step) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.choose = script
}

// Exchanges returns the requests for answers so far, oldest first.
func (r *Router) Exchanges() []*Exchange {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clip(r.answers.exchanges)
}

// Await returns the nth request, counted from 1, as soon as it has come, or
// the cause of ctx.
func (r *Router) Await(ctx context.Context, n int) (*Exchange, error) {
	return r.await(ctx, &r.answers, n)
}

// ServeHTTP implements [http.Handler].
func (r *Router) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	switch {
	case request.Method == http.MethodGet && strings.HasSuffix(request.URL.Path, "/models"):
		serveModels(w)
	case request.Method == http.MethodGet && strings.HasSuffix(request.URL.Path, "/generation"):
		r.serveSettlement(w, request)
	case request.Method == http.MethodPost && strings.HasSuffix(request.URL.Path, "/chat/completions"):
		r.complete(w, request)
	default:
		http.NotFound(w, request)
	}
}

func (r *Router) complete(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, request.Body, maxBody))
	if err != nil {
		return // the client left while it was asking
	}
	gone, done := make(chan struct{}), make(chan struct{})
	defer close(done)
	leave := sync.OnceFunc(func() { close(gone) })
	defer context.AfterFunc(request.Context(), leave)()
	exchange := &Exchange{
		Path:   request.URL.Path,
		Header: request.Header,
		Body:   body,
		Gone:   gone,
		Done:   done,
	}
	if !play(w, request, r.take(exchange)) {
		leave()
	}
}

// take records an exchange and finds the script for it.
func (r *Router) take(exchange *Exchange) []Step {
	r.mu.Lock()
	defer r.mu.Unlock()
	if asksForTitle(exchange.Body) {
		if script, queued := r.titles.take(exchange); queued {
			return script
		}
		return []Step{Answer("A scripted title")}
	}
	script, queued := r.answers.take(exchange)
	switch {
	case queued:
		return script
	case r.choose != nil:
		return r.choose(exchange)
	default:
		return []Step{Answer("Hello from the scripted router.")}
	}
}
