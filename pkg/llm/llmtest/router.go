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
// without that it gives a short answer. The zero Router is ready to serve, at
// any path that ends in /chat/completions or /models. All methods are safe for
// concurrent use.
type Router struct {
	// URL is what a client takes as its base, set by New.
	URL string

	mu        sync.Mutex
	scripts   [][]Step
	choose    func(*Exchange) []Step
	exchanges []*Exchange
	more      chan struct{} // closed when an exchange is added; nil while nobody waits
}

// Exchange is one request for an answer, as it was received.
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
	r.scripts = append(r.scripts, steps)
}

// Choose sets how requests are answered that find no script queued.
func (r *Router) Choose(script func(*Exchange) []Step) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.choose = script
}

// Exchanges returns the requests so far, oldest first.
func (r *Router) Exchanges() []*Exchange {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clip(r.exchanges)
}

// Await returns the nth request, counted from 1, as soon as it has come, or
// the cause of ctx.
func (r *Router) Await(ctx context.Context, n int) (*Exchange, error) {
	for {
		r.mu.Lock()
		if len(r.exchanges) >= n {
			defer r.mu.Unlock()
			return r.exchanges[n-1], nil
		}
		if r.more == nil {
			r.more = make(chan struct{})
		}
		more := r.more
		r.mu.Unlock()
		select {
		case <-more:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// ServeHTTP implements [http.Handler].
func (r *Router) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	switch {
	case request.Method == http.MethodGet && strings.HasSuffix(request.URL.Path, "/models"):
		serveModels(w)
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
	r.exchanges = append(r.exchanges, exchange)
	if r.more != nil {
		close(r.more)
		r.more = nil
	}
	switch {
	case len(r.scripts) > 0:
		script := r.scripts[0]
		r.scripts = r.scripts[1:]
		return script
	case r.choose != nil:
		return r.choose(exchange)
	default:
		return []Step{Answer("Hello from the scripted router.")}
	}
}
