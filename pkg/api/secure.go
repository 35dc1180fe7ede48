package api

import "github.com/labstack/echo/v4"

const (
	// strictPolicy lets a page that is made of an answer of ours do nothing. The
	// documentation has a policy of its own.
	strictPolicy = "default-src 'none'; frame-ancestors 'none'"
	// aYear is what browsers that came by HTTPS keep to it. Other hosts of the domain
	// are not ours to decide on.
	aYear = "max-age=31536000"
)

// secure keeps browsers from making more of an answer than it is. Pages of other
// origins read answers by CORS only, which Cross-Origin-Resource-Policy leaves alone.
func (s *Server) secure(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		header := c.Response().Header()
		header.Set(echo.HeaderXContentTypeOptions, "nosniff")
		header.Set(echo.HeaderReferrerPolicy, "no-referrer")
		header.Set(echo.HeaderContentSecurityPolicy, strictPolicy)
		header.Set(echo.HeaderXFrameOptions, "DENY")
		header.Set(headerOpenerPolicy, "same-origin")
		header.Set(headerResourcePolicy, "same-origin")
		if s.HTTPS {
			header.Set(echo.HeaderStrictTransportSecurity, aYear)
		}
		return next(c)
	}
}
