package api

import (
	"crypto/sha256"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/problem"
)

// Limits is how many requests are answered. The zero value answers all.
type Limits struct {
	Counter auth.Counter // may be nil if there are no limits
	// User and Address are for the requests of one user, and from one address.
	User, Address auth.Rate
}

const (
	scopeUser    = "user"
	scopeAddress = "address"

	countedKey = "counted"
	waitKey    = "wait"
)

// The headers of draft-ietf-httpapi-ratelimit-headers, structured fields.
const (
	headerRateLimit       = "RateLimit"
	headerRateLimitPolicy = "RateLimit-Policy"
)

// limit refuses, at no cost, who was refused a moment ago, and counts in the end
// what nobody has counted, such as a path that does not exist.
func (s *Server) limit(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		switch c.Path() {
		case "/healthz", "/readyz", "/metrics":
			return next(c)
		}
		s.warnOfProxies(c)
		if err := s.refused(c, scopeAddress, address(c)); err != nil {
			return err
		}
		err := next(c)
		if c.Get(countedKey) == nil {
			if refused := s.count(c, "", ""); refused != nil {
				return refused
			}
		}
		return err
	}
}

// anonymous counts requests that need no credentials, by their address.
func (s *Server) anonymous(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if err := s.count(c, "", ""); err != nil {
			return err
		}
		return next(c)
	}
}

// counted finds out who is calling, unless the credential is one whose user was
// refused a moment ago, and counts the request: by its address and, if the caller
// is known, by its user.
func (s *Server) counted(c echo.Context, credential string, verify func() (auth.Caller, error)) (auth.Caller, error) {
	alias := s.aliasOf(credential)
	if err := s.refused(c, scopeUser, alias); err != nil {
		return auth.Caller{}, awaited(c, err)
	}
	caller, err := verify()
	refused := s.count(c, caller.UserID, alias)
	switch {
	case refused != nil && err == nil:
		c.Set(callerKey, caller)
		return caller, awaited(c, refused)
	case refused != nil:
		return caller, refused
	default:
		return caller, err
	}
}

// aliasOf is what a credential is remembered by; empty if none is.
func (s *Server) aliasOf(credential string) string {
	if credential == "" || s.Limits.User.Quota == 0 {
		return ""
	}
	sum := sha256.Sum256([]byte(credential))
	return string(sum[:])
}

// count counts a request and tells in its headers how its caller stands. It is
// problem.TooMany if that is one too many.
func (s *Server) count(c echo.Context, userID, alias string) error {
	c.Set(countedKey, true)
	counts := make([]auth.Count, 0, 2)
	if userID != "" && s.Limits.User.Quota > 0 {
		counts = append(counts, auth.Count{Scope: scopeUser, Of: userID, Alias: alias, Rate: s.Limits.User})
	}
	if s.Limits.Address.Quota > 0 {
		counts = append(counts, auth.Count{Scope: scopeAddress, Of: address(c), Rate: s.Limits.Address})
	}
	if len(counts) == 0 {
		return nil
	}
	tallies, ok := s.Limits.Counter.Take(c.Request().Context(), counts...)
	tellRateLimit(c.Response().Header(), tallies)
	if ok {
		return nil
	}
	longest := auth.Longest(tallies)
	return longest.Refusal()
}

// refused is problem.TooMany for a caller who is remembered to have been refused.
func (s *Server) refused(c echo.Context, scope, of string) error {
	if s.Limits.Counter == nil || of == "" {
		return nil
	}
	tally, refused := s.Limits.Counter.Refused(scope, of)
	if !refused {
		return nil
	}
	c.Set(countedKey, true)
	tellRateLimit(c.Response().Header(), []auth.Tally{tally})
	return tally.Refusal()
}

// awaited notes how long a caller who is known is to wait.
func awaited(c echo.Context, refusal error) error {
	c.Set(waitKey, problem.From(refusal).RetryAfter)
	return refusal
}

// tellRateLimit tells the quotas, and what is left of them until when.
func tellRateLimit(header http.Header, tallies []auth.Tally) {
	policies, states := make([]string, len(tallies)), make([]string, len(tallies))
	for i, tally := range tallies {
		policies[i] = fmt.Sprintf("%q;q=%d;w=%d", tally.Scope, tally.Quota, seconds(tally.Period))
		states[i] = fmt.Sprintf("%q;r=%d;t=%d", tally.Scope, tally.Remaining, seconds(tally.Reset))
	}
	header.Set(headerRateLimitPolicy, strings.Join(policies, ", "))
	header.Set(headerRateLimit, strings.Join(states, ", "))
}

func seconds(span time.Duration) int {
	return int(math.Ceil(span.Seconds()))
}
