package api

import (
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
)

// corsAge is how long a browser may keep what a preflight told. Browsers keep it for
// two hours to a day at most.
const corsAge = 24 * time.Hour

// cors lets the pages of our origins call, and no other (Fetch, section 3.3).
// Nothing of ours hangs on cookies, so credentials are never allowed. Every answer,
// also to a foreign page or to none, says that it depends on the origin.
func (s *Server) cors() echo.MiddlewareFunc {
	return middleware.CORSWithConfig(middleware.CORSConfig{
		// Not AllowOrigins, which are patterns.
		AllowOriginFunc: func(origin string) (bool, error) {
			// An opaque origin (a file, a sandboxed frame) is anybody's.
			return origin != "null" && slices.Contains(s.Origins, origin), nil
		},
		AllowMethods: []string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete},
		// AllowHeaders is left open: clients of others bring headers of their own, and none
		// that we heed comes without being set by the page.
		ExposeHeaders: []string{
			headerRequestID, headerReplayed, headerETag, echo.HeaderLocation, echo.HeaderRetryAfter, headerPreferenceApplied,
			headerConversationID, headerMessageID, headerShouldRetry, headerUIMessageStream, echo.HeaderWWWAuthenticate,
			headerRateLimit, headerRateLimitPolicy,
			echo.HeaderAllow, echo.HeaderContentDisposition,
		},
		MaxAge: int(corsAge.Seconds()),
	})
}
