// Package api is the HTTP face: routes, bodies, event streams and problem
// documents. It speaks for the domain and knows nothing of databases, caches or
// model providers.
package api

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/chat"
)

const (
	headerTimeout  = 10 * time.Second
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 32 << 10
	// lastRequests is how long requests that were ended may take to end: what they
	// asked of a provider is still to be charged.
	lastRequests = 5 * time.Second
)

// Server answers HTTP requests. Fill the fields, then use Handler or Run.
type Server struct {
	Accounts      *auth.Accounts
	Tokens        *auth.Tokens
	Tickets       *auth.Tickets
	Issuers       *auth.Issuers
	APIKeys       *auth.APIKeys
	Standing      *auth.Standing
	Models        *chat.Models
	Catalogue     *chat.Catalogue
	Conversations *chat.Conversations
	Messages      *chat.Messages
	Generations   *chat.Generations
	Completions   *chat.Completions
	Changes       *chat.Changes
	Deletions     *chat.Deletions
	Budgets       *chat.Budgets
	Usage         chat.UsageStore
	Export        chat.ExportStore
	Limits        Limits
	// Proxies are those whose X-Forwarded-For is believed.
	Proxies []netip.Prefix
	// Checks are the parts that readiness depends on.
	Checks  []Check
	Log     *slog.Logger
	Metrics *prometheus.Registry
	// Origins are the web pages that may call us, as a browser names them: scheme,
	// host and port, such as https://chat.example.
	Origins []string
	// HTTPS tells browsers never to come without it.
	HTTPS bool
	// BodyLimit is the largest request body, in bytes.
	BodyLimit int64
	// HeaderTimeout and BodyTimeout are how long a client may take to send its
	// headers, and then its body: 10 s and 30 s if zero.
	HeaderTimeout time.Duration
	BodyTimeout   time.Duration
	// Heartbeat is the silence after which a stream shows that it is alive.
	Heartbeat time.Duration
	// WriteTimeout is how long a client may leave a stream unread.
	WriteTimeout time.Duration
	// Linger is how long after its end an answer is told in full to those who come
	// back to a UI message stream: they do not say how much of it they have.
	Linger time.Duration
	// Grace is how long requests may go on once Run is told to end.
	Grace time.Duration

	exports   sync.Map // by account, those that are running
	drainOnce sync.Once
	drainInit sync.Once
	drained   chan struct{}
	streams   prometheus.Gauge
	probes    []*probe
	warnOnce  sync.Once
}

// Handler is the whole HTTP face. Call it once.
func (s *Server) Handler() *echo.Echo {
	e := echo.New()
	e.HTTPErrorHandler = s.renderError
	e.IPExtractor = s.realAddress()
	s.middleware(e)
	s.routes(e)
	return e
}

// Run serves until ctx is done. Then readiness fails, sends are refused and the
// readers of streams are sent away to come again; so are those who come until
// the last answer has ended. Other requests have Grace to end, and are ended then.
func (s *Server) Run(ctx context.Context, listener net.Listener) error {
	requests, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	server := &http.Server{
		Handler:           s.Handler(), //nolint:contextcheck // each request has a context of its own
		BaseContext:       func(net.Listener) context.Context { return requests },
		ReadHeaderTimeout: or(s.HeaderTimeout, headerTimeout),
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug),
		// No WriteTimeout: it would cut streams. They set their own deadlines.
	}
	stopped := make(chan error, 1)
	go func() { stopped <- server.Serve(listener) }()
	select {
	case err := <-stopped:
		return err
	case <-ctx.Done():
	}
	s.drain()
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.Grace)
	defer cancel()
	// A server that is shut down answers nobody, so this comes late.
	select {
	case <-s.Generations.Ended():
	case <-grace.Done():
	}
	err := server.Shutdown(grace)
	if errors.Is(err, context.DeadlineExceeded) {
		end()
		err = shutLast(grace, server)
	}
	if served := <-stopped; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// shutLast waits for requests that were ended, but not for long.
func shutLast(ctx context.Context, server *http.Server) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastRequests)
	defer cancel()
	err := server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	return err
}

// drain ends every stream with an invitation to come again.
func (s *Server) drain() {
	s.drainOnce.Do(func() { close(s.draining()) })
}

// draining is closed once the server is to end.
func (s *Server) draining() chan struct{} {
	s.drainInit.Do(func() { s.drained = make(chan struct{}) })
	return s.drained
}
