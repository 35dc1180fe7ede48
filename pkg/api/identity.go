package api

import (
	"strings"

	"github.com/labstack/echo/v4"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/problem"
)

const callerKey = "caller"

// handler answers a request whose caller is known.
type handler func(c echo.Context, caller auth.Caller) error

// authed asks for an access token.
func (s *Server) authed(next handler) echo.HandlerFunc {
	return func(c echo.Context) error {
		caller, err := s.bearer(c)
		if err != nil {
			return err
		}
		c.Set(callerKey, caller)
		return next(c, caller)
	}
}

// ticketed takes a stream ticket in place of an access token, for EventSource,
// which cannot set a header.
func (s *Server) ticketed(next handler) echo.HandlerFunc {
	return func(c echo.Context) error {
		ticket := c.QueryParam("ticket")
		if ticket == "" {
			return s.authed(next)(c)
		}
		caller, err := s.Tokens.VerifyTicket(ticket)
		if err != nil {
			return err
		}
		c.Set(callerKey, caller)
		return next(c, caller)
	}
}

func (s *Server) bearer(c echo.Context) (auth.Caller, error) {
	scheme, token, _ := strings.Cut(c.Request().Header.Get(echo.HeaderAuthorization), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return auth.Caller{}, problem.Unauthenticated.New("Send an access token: Authorization: Bearer <token>.")
	}
	return s.Tokens.Verify(strings.TrimSpace(token))
}

// callerOf is who sent the request; nobody before it is known.
func callerOf(c echo.Context) auth.Caller {
	caller, _ := c.Get(callerKey).(auth.Caller)
	return caller
}
