package api_test

import (
	"net/http"
	"strings"
	"testing"

	"dreamchat/pkg/api"
	"dreamchat/pkg/api/apitest"
)

// Every exchange of every test is looked at for the headers that all answers have;
// here stands what differs.
func TestSecurityHeadersOfAPageAreStrict(t *testing.T) {
	t.Parallel()
	user := apitest.Start(t, apitest.Options{}).User()
	for path, status := range map[string]int{
		"/api/v1/models": 200, "/openapi.yaml": 200, "/healthz": 200, "/docs/swagger-ui.css": 200, "/nothing": 404, "/docs/nothing": 404, "/api/v1/conversations?limit=x": 422,
	} {
		header := user.Get(path).Status(status).Header
		if got := header.Get("Content-Security-Policy"); got != "default-src 'none'; frame-ancestors 'none'" {
			t.Errorf("%s: the policy is %q", path, got)
		}
		if got := header.Get("Strict-Transport-Security"); got != "" {
			t.Errorf("%s: a server that is reached without HTTPS forbids that: %q", path, got)
		}
	}
	page := user.Get("/docs").Status(http.StatusOK).Header.Get("Content-Security-Policy")
	if !strings.Contains(page, "script-src 'self'") || !strings.Contains(page, "frame-ancestors 'none'") {
		t.Errorf("the documentation's policy is %q", page)
	}
}

func TestSecurityHeadersWithHTTPS(t *testing.T) {
	t.Parallel()
	user := apitest.Start(t, apitest.Options{Change: func(server *api.Server) { server.HTTPS = true }}).User()
	for _, path := range []string{"/api/v1/models", "/docs", "/nothing"} {
		if got := user.Get(path).Header.Get("Strict-Transport-Security"); got != "max-age=31536000" {
			t.Errorf("%s: Strict-Transport-Security is %q", path, got)
		}
	}
}
