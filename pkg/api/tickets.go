package api

import (
	"errors"
	"net/http"
	"regexp"
	"time"

	"github.com/labstack/echo/v4"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/problem"
)

// streamForm are the paths that a ticket opens.
var streamForm = regexp.MustCompile(`^/api/v1/(events|messages/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/events)$`)

type newStreamTicket struct {
	Path *string `json:"path" validate:"omitnil,streampath"`
}

type streamTicket struct {
	Ticket    string `json:"ticket"`
	ExpiresIn int    `json:"expiresIn"`
}

func (s *Server) createStreamTicket(c echo.Context, caller auth.Caller) error {
	body, err := bindOptional[newStreamTicket](s, c)
	if err != nil {
		return err
	}
	var path string
	if body.Path != nil {
		path = *body.Path
	}
	ticket, expiresIn, err := s.Tickets.Issue(caller, path)
	if err != nil {
		return err
	}
	return private(c, http.StatusCreated, streamTicket{Ticket: ticket, ExpiresIn: expiresIn})
}

// ticketed is authed for event streams. It takes a stream ticket too, for
// EventSource, which cannot set a header; and a database that is away, or that the
// caller is to wait, is told in a stream, since EventSource gives up for good on a
// status.
func (s *Server) ticketed(scope auth.Scope, next handler) echo.HandlerFunc {
	withHeader := s.authed(scope, next)
	return func(c echo.Context) error {
		err := s.withTicket(c, withHeader, next)
		if errors.Is(err, problem.Unavailable) {
			return s.comeAgain(c, awayUnavailable, 0)
		}
		if wait, limited := c.Get(waitKey).(time.Duration); limited {
			return s.comeAgain(c, awayLimited, wait)
		}
		return err
	}
}

func (s *Server) withTicket(c echo.Context, otherwise echo.HandlerFunc, next handler) error {
	ticket := c.QueryParam("ticket")
	if ticket == "" {
		return otherwise(c)
	}
	caller, err := s.counted(c, ticket, func() (auth.Caller, error) { return s.ticket(c, ticket) })
	if err != nil {
		return err
	}
	if caller, err = s.admit(c, caller); err != nil {
		return err
	}
	return next(c, caller)
}

func (s *Server) ticket(c echo.Context, ticket string) (auth.Caller, error) {
	ctx, cancel := briefly(c.Request().Context())
	defer cancel()
	return s.Tickets.Verify(ctx, ticket, c.Request().URL.Path)
}
