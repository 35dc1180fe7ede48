package api

import (
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
)

const (
	// corsMethods are those of the route table.
	corsMethods = "GET, POST, PATCH, DELETE"
	// corsAge is how long a browser may keep what a preflight told, in seconds.
	// Browsers keep it for two hours to a day at most.
	corsAge = "86400"
)

// exposed are the headers of our answers that pages may read beside those that
// any may.
func exposed() string {
	return strings.Join([]string{
		headerRequestID, headerReplayed, headerETag, echo.HeaderLocation, echo.HeaderRetryAfter, headerPreferenceApplied,
		headerConversationID, headerMessageID, headerShouldRetry, headerUIMessageStream, echo.HeaderWWWAuthenticate,
		echo.HeaderAllow,
	}, ", ")
}

// cors lets the pages of our origins call, and no other (Fetch, section 3.3).
// Nothing of ours hangs on cookies, so credentials are never allowed. Every answer,
// also to a foreign page or to none, says that it depends on the origin.
func (s *Server) cors() echo.MiddlewareFunc {
	readable := exposed()
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			origin, header := c.Request().Header.Get(echo.HeaderOrigin), c.Response().Header()
			header.Add(echo.HeaderVary, echo.HeaderOrigin)
			// An opaque origin (a file, a sandboxed frame) is anybody's.
			ours := origin != "null" && slices.Contains(s.Origins, origin)
			if ours {
				header.Set(echo.HeaderAccessControlAllowOrigin, origin)
			}
			if c.Request().Method == http.MethodOptions {
				return preflight(c, ours)
			}
			if ours {
				header.Set(echo.HeaderAccessControlExposeHeaders, readable)
			}
			return next(c)
		}
	}
}

// preflight answers what a browser asks before it sends a request of a page. Clients
// of others bring headers of their own, and none that we heed comes without being
// set by the page: so all are allowed.
func preflight(c echo.Context, ours bool) error {
	header := c.Response().Header()
	if allow, ok := c.Get(echo.ContextKeyHeaderAllow).(string); ok && allow != "" {
		header.Set(echo.HeaderAllow, allow)
	}
	header.Add(echo.HeaderVary, echo.HeaderAccessControlRequestMethod)
	header.Add(echo.HeaderVary, echo.HeaderAccessControlRequestHeaders)
	if ours {
		header.Set(echo.HeaderAccessControlAllowMethods, corsMethods)
		if asked := c.Request().Header.Get(echo.HeaderAccessControlRequestHeaders); asked != "" {
			header.Set(echo.HeaderAccessControlAllowHeaders, asked)
		}
		header.Set(echo.HeaderAccessControlMaxAge, corsAge)
	}
	return c.NoContent(http.StatusNoContent)
}
