package api

import (
	"errors"
	"strings"

	"github.com/labstack/echo/v4"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/problem"
)

const callerKey = "caller"

// handler answers a request whose caller is known.
type handler func(c echo.Context, caller auth.Caller) error

// authed asks for an access token, or for an API key with this scope.
func (s *Server) authed(scope auth.Scope, next handler) echo.HandlerFunc {
	return func(c echo.Context) error {
		caller, err := s.counted(c, bearerToken(c), func() (auth.Caller, error) { return s.bearer(c) })
		if err != nil {
			return err
		}
		if caller, err = s.admit(c, caller); err != nil {
			return err
		}
		if !caller.May(scope) {
			return lacks(scope)
		}
		return next(c, caller)
	}
}

// noScope is the scope that no API key has.
const noScope auth.Scope = ""

// session asks for an access token and refuses every API key.
func (s *Server) session(next handler) echo.HandlerFunc {
	return s.authed(noScope, next)
}

func lacks(scope auth.Scope) error {
	if scope == noScope {
		return problem.Forbidden.New("No API key may do this. Use an access token.")
	}
	return problem.Forbidden.New("The API key needs the scope "+string(scope)+" for this.").With("scope", scope)
}

// admit lets a caller in whose credentials are good, if it still may do what they
// say. Whoever is not let in is known to the log all the same.
func (s *Server) admit(c echo.Context, caller auth.Caller) (auth.Caller, error) {
	c.Set(callerKey, caller)
	ctx, cancel := briefly(c.Request().Context())
	defer cancel()
	caller, err := s.Standing.Check(ctx, caller)
	if err == nil {
		c.Set(callerKey, caller)
	}
	return caller, err
}

// bearer knows the caller, and not yet what an API key may do.
func (s *Server) bearer(c echo.Context) (auth.Caller, error) {
	token := bearerToken(c)
	if token == "" {
		return auth.Caller{}, problem.Unauthenticated.New("Send an access token or an API key: Authorization: Bearer <token>.")
	}
	ctx, cancel := briefly(c.Request().Context())
	defer cancel()
	if !auth.IsAPIKey(token) {
		return s.Issuers.Verify(ctx, token)
	}
	caller, err := s.APIKeys.Verify(ctx, token)
	if errors.Is(err, problem.Unauthenticated) {
		err = s.Accounts.Guesses.Failed(ctx, c.RealIP(), err)
	}
	return caller, err
}

// bearerToken is what was sent as a token or an API key, or nothing.
func bearerToken(c echo.Context) string {
	scheme, token, _ := strings.Cut(c.Request().Header.Get(echo.HeaderAuthorization), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// callerOf is who sent the request; nobody before it is known.
func callerOf(c echo.Context) auth.Caller {
	caller, _ := c.Get(callerKey).(auth.Caller)
	return caller
}
