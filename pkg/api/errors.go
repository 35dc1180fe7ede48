package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"dreamchat/pkg/problem"
)

const contentTypeProblem = "application/problem+json"

// renderError is the only writer of errors.
func (s *Server) renderError(err error, c echo.Context) {
	found := s.toProblem(err, c)
	if c.Response().Committed {
		return
	}
	if found.Kind.Status() == http.StatusUnauthorized {
		c.Response().Header().Set(echo.HeaderWWWAuthenticate, challenge(c, found.Kind))
	}
	if wait := found.RetryAfterSeconds(); wait > 0 {
		c.Response().Header().Set(echo.HeaderRetryAfter, strconv.Itoa(wait))
	}
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	status := found.Kind.Status()
	if c.Path() == pathChatCompletions {
		status = openAIStatus(found)
	}
	if c.Request().Method == http.MethodHead {
		_ = c.NoContent(status) // the client has gone
		return
	}
	body, contentType := any(found.Document(RequestID(c.Request().Context()))), contentTypeProblem
	if c.Path() == pathChatCompletions {
		body, contentType = openAIError(found), echo.MIMEApplicationJSON
	}
	text, err := json.Marshal(body)
	if err != nil {
		s.Log.ErrorContext(c.Request().Context(), "problem not rendered", "error", err)
		text = []byte("{}")
	}
	_ = c.Blob(status, contentType, text) // the client has gone
}

// challenge says how to authenticate. It tells of an error only whoever sent what
// it could be about (RFC 6750, section 3.1); a wrong password is not that.
func challenge(c echo.Context, kind problem.Kind) string {
	const realm = `Bearer realm="dreamchat"`
	if kind == problem.InvalidCredentials || kind == problem.Unauthenticated && bearerToken(c) == "" {
		return realm
	}
	return realm + `, error="invalid_token", error_description="` + kind.Code() + `"`
}

// toProblem finds what is to be told. What is not a problem is logged, once,
// with its whole chain.
func (s *Server) toProblem(err error, c echo.Context) *problem.Error {
	ctx := c.Request().Context()
	var found *problem.Error
	var echoed *echo.HTTPError
	switch {
	// First, since errors.As walks into the cause of a problem.
	case errors.As(err, &found):
	case errors.As(err, &echoed):
		found = fromEcho(echoed)
	case errors.As(context.Cause(ctx), &found):
	case ctx.Err() != nil:
		return problem.Unavailable.Because(err, "The request was cancelled.")
	default:
		found = problem.From(err)
	}
	switch {
	case found.Kind == problem.Internal:
		s.Log.ErrorContext(ctx, "internal error", "error", err)
	case found.Kind == problem.Unavailable && found.Cause != nil:
		s.Log.WarnContext(ctx, "unavailable", "error", err)
	}
	return found
}

func fromEcho(err *echo.HTTPError) *problem.Error {
	switch err.Code {
	case http.StatusNotFound:
		return problem.NotFound.New("There is nothing at this path.")
	case http.StatusMethodNotAllowed:
		return problem.MethodNotAllowed.New("This path does not take this method.")
	case http.StatusRequestEntityTooLarge:
		return problem.TooLarge.New("The body is too large.")
	case http.StatusBadRequest:
		return problem.Malformed.Because(err, "The request cannot be read.")
	default:
		return problem.From(err)
	}
}
