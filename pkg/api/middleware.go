package api

import (
	"log/slog"
	"net/http"
	"regexp"
	"time"

	"github.com/labstack/echo-contrib/echoprometheus"
	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
	"github.com/prometheus/client_golang/prometheus"

	"dreamchat/pkg/id"
)

func (s *Server) middleware(e *echo.Echo) {
	s.streams = prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "dreamchat_streams_open",
		Help: "Event streams that a client is reading now.",
	})
	s.Metrics.MustRegister(s.streams)
	s.probes = probesOf(s.Checks)
	for _, probe := range s.probes {
		s.Metrics.MustRegister(probe.gauge())
	}
	e.Use(
		breakOff, // outermost, since what it does ends the others
		s.timeBody,
		identify,
		s.countRequests(), // outside of what renders errors, to count them by their status
		s.logRequests,
		middleware.RecoverWithConfig(middleware.RecoverConfig{
			DisableErrorHandler: true,
			LogErrorFunc:        s.logPanic,
		}),
		s.secure,
		s.cors(),
		s.limit, // inside of CORS, so that pages can read why they are refused
		boundURL,
	)
}

var requestIDForm = regexp.MustCompile(`^[A-Za-z0-9._-]{1,128}$`)

// identify gives every request an id: the client's own if it is well formed.
func identify(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		name := c.Request().Header.Get(headerRequestID)
		if !requestIDForm.MatchString(name) {
			name = id.New()
		}
		c.Response().Header().Set(headerRequestID, name)
		c.SetRequest(c.Request().WithContext(withRequestID(c.Request().Context(), name)))
		return next(c)
	}
}

// countRequests counts requests by labels of which there are few: what a client
// can make up at will would fill our memory.
func (s *Server) countRequests() echo.MiddlewareFunc {
	return echoprometheus.NewMiddlewareWithConfig(echoprometheus.MiddlewareConfig{
		Namespace:                 "dreamchat",
		Subsystem:                 "http",
		Registerer:                s.Metrics,
		DoNotUseRequestPathFor404: true,
		LabelFuncs: map[string]echoprometheus.LabelValueFunc{
			"host":   func(echo.Context, error) string { return "" },
			"method": func(c echo.Context, _ error) string { return methodOf(c.Request()) },
		},
	})
}

// methodOf is a method that is known: a client can make up any other.
func methodOf(request *http.Request) string {
	switch method := request.Method; method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut,
		http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	default:
		return "other"
	}
}

// logRequests writes one line for each request, with the route and not the
// path's query, which may hold a ticket.
func (s *Server) logRequests(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		start := time.Now()
		if err := next(c); err != nil {
			c.Error(err)
		}
		s.logRequest(c, time.Since(start))
		return nil
	}
}

// logRequest has a frame of its own: the one above it is held as long as a
// stream lasts.
func (s *Server) logRequest(c echo.Context, took time.Duration) {
	caller := callerOf(c)
	line := []slog.Attr{
		slog.String("method", methodOf(c.Request())),
		slog.String("route", c.Path()),
		slog.Int("status", c.Response().Status),
		slog.Duration("duration", took),
		slog.Int64("bytes", c.Response().Size),
		slog.String("user", caller.UserID),
	}
	if caller.Key != nil {
		line = append(line, slog.String("apiKey", caller.Key.ID)) // its id, which is no secret
	}
	s.Log.LogAttrs(c.Request().Context(), slog.LevelInfo, "request", line...)
}

func (s *Server) logPanic(c echo.Context, err error, stack []byte) error {
	s.Log.ErrorContext(c.Request().Context(), "panic", "error", err, "stack", string(stack))
	return err
}
