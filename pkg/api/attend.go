package api

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/problem"
)

// attended is for requests that take long and are no streams of ours, which have
// guards: the request's context ends, with the problem as its cause, once the
// caller may not go on.
func (s *Server) attended(next handler) handler {
	return func(c echo.Context, caller auth.Caller) error {
		request := c.Request()
		defer c.SetRequest(request) // an error is rendered after the end
		ctx, leave := s.attend(c)
		c.SetRequest(request.WithContext(ctx))
		err := next(c, caller)
		if refused := leave(); refused != nil && err != nil {
			return refused
		}
		return err
	}
}

// attend returns the context of a request, which ends once the caller may not go
// on. What it returns beside that must be called in the end, and tells why the
// caller may not; nil if it may.
func (s *Server) attend(c echo.Context) (context.Context, func() error) {
	request := c.Request().Context()
	ctx, end := context.WithCancelCause(request)
	g := s.guard(c)
	var watching sync.WaitGroup
	watching.Go(func() { g.watch(ctx, end) })
	return ctx, func() error {
		defer g.close()
		cause := context.Cause(ctx)
		end(nil)
		watching.Wait()
		if refused, ok := errors.AsType[*problem.Error](cause); ok {
			return refused
		}
		if refused := g.refusal(request); refused != nil {
			return refused
		}
		return nil
	}
}

// watch looks at how the caller stands whenever it may be otherwise.
func (g *guard) watch(ctx context.Context, end context.CancelCauseFunc) {
	ticker := time.NewTicker(standingEvery)
	defer ticker.Stop()
	for {
		if refused := g.refusal(ctx); refused != nil {
			end(refused)
			return
		}
		select {
		case <-g.bell.C:
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}
