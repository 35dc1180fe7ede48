package api

import (
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"dreamchat/pkg/problem"
)

const (
	maxURL        = 8 << 10 // bytes
	maxParameters = 32
)

// boundURL refuses an address that is too long, and a query that is too long a
// list or cannot be read: its parameters would be taken for ones that are not given.
func boundURL(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		request := c.Request()
		if len(request.RequestURI) > maxURL {
			return problem.URITooLong.New("The address is too long.").With("limit", maxURL)
		}
		if query := request.URL.RawQuery; query != "" {
			if strings.Count(query, "&") >= maxParameters {
				return problem.Malformed.New("The query has too many parameters.").With("limit", maxParameters)
			}
			if _, err := url.ParseQuery(query); err != nil {
				return problem.Malformed.New("The query cannot be read: percent-encode what is not a letter or digit.")
			}
		}
		return next(c)
	}
}
