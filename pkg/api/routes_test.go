package api_test

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"dreamchat/pkg/api"
	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/id"
	"dreamchat/pkg/problem"
)

// routes are those of a server that is never asked for anything else.
func routes() []*echo.Route {
	bare := &api.Server{Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()}
	return bare.Handler().Routes()
}

func TestRoutesAreThoseOfTheDocument(t *testing.T) {
	t.Parallel()
	apitest.LoadContract(t).Routes(t, routes())
}

// isPublic tells whether a route is for people without an account.
func isPublic(path string) bool {
	switch path {
	case "/api/v1/auth/register", "/api/v1/auth/login", "/api/v1/auth/refresh", "/api/v1/auth/logout":
		return true
	}
	return !strings.HasPrefix(path, "/api/v1/")
}

func TestRoutesNeedAToken(t *testing.T) {
	t.Parallel()
	nobody := apitest.Start(t, apitest.Options{}).Nobody()
	closed := 0
	for _, route := range routes() {
		if isPublic(route.Path) {
			continue
		}
		closed++
		path := strings.NewReplacer(":id", id.New(), "/models/*", "/models/openai/gpt-4o-mini").Replace(route.Path)
		reply := nobody.Do(route.Method, path, map[string]any{}).Status(http.StatusUnauthorized)
		if got := reply.Header.Get("WWW-Authenticate"); got != `Bearer realm="dreamchat"` {
			t.Errorf("%s %s: WWW-Authenticate is %q", route.Method, path, got)
		}
		if route.Path == "/api/v1/chat/completions" {
			continue // has an envelope of its own
		}
		reply.Problem(problem.Unauthenticated)
	}
	if closed != 35 {
		t.Errorf("%d routes need a token, want 35", closed)
	}
}

func TestRoutesThatArePublicNeedNoToken(t *testing.T) {
	t.Parallel()
	nobody := apitest.Start(t, apitest.Options{}).Nobody()
	for _, path := range []string{
		"/healthz", "/readyz", "/metrics", "/openapi.yaml", "/docs", "/docs/swagger-ui.css", "/.well-known/jwks.json",
	} {
		nobody.Get(path).Status(http.StatusOK)
	}
}

func TestRoutesThatDoNotExist(t *testing.T) {
	t.Parallel()
	user := apitest.Start(t, apitest.Options{}).User()
	for _, test := range []struct {
		name, method, path string
		kind               problem.Kind
		allow              string
	}{
		{"root", "GET", "/", problem.NotFound, ""},
		{"unknown path", "GET", "/api/v1/nothing", problem.NotFound, ""},
		{"unknown version", "GET", "/api/v2/models", problem.NotFound, ""},
		{"path too long", "GET", "/api/v1/models/openai/gpt-4o-mini/more", problem.NotFound, ""},
		{"other case", "GET", "/api/v1/Models", problem.NotFound, ""},
		{"two slashes", "GET", "/api/v1//models", problem.NotFound, ""},
		{"wrong method", "PUT", "/api/v1/models", problem.MethodNotAllowed, "OPTIONS, GET"},
		{"wrong method with a body", "PUT", "/api/v1/conversations", problem.MethodNotAllowed, "OPTIONS, GET, POST"},
		{"wrong method of one thing", "POST", "/api/v1/conversations/" + id.New(), problem.MethodNotAllowed, "OPTIONS, DELETE, GET, PATCH"},
		{"unknown method", "BREW", "/healthz", problem.MethodNotAllowed, "OPTIONS, GET"},
	} {
		t.Run(test.name, func(t *testing.T) {
			reply := user.In(t).Do(test.method, test.path, nil)
			reply.Problem(test.kind)
			if got := reply.Header.Get("Allow"); got != test.allow {
				t.Errorf("Allow is %q, want %q", got, test.allow)
			}
			if got := reply.Header.Get("Content-Type"); got != "application/problem+json" {
				t.Errorf("Content-Type is %q", got)
			}
		})
	}
}

func TestRoutesAnswerHeadAndOptionsWithoutABody(t *testing.T) {
	t.Parallel()
	user := apitest.Start(t, apitest.Options{}).User()
	for _, test := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"HEAD", "/api/v1/models", http.StatusMethodNotAllowed, "OPTIONS, GET"},
		{"HEAD", "/api/v1/nothing", http.StatusNotFound, ""},
		{"OPTIONS", "/api/v1/conversations", http.StatusNoContent, "OPTIONS, GET, POST"},
	} {
		reply := user.Do(test.method, test.path, nil).Status(test.status)
		if got := reply.Header.Get("Allow"); got != test.allow || len(reply.Bytes) > 0 {
			t.Errorf("%s %s: Allow %q, %d bytes", test.method, test.path, got, len(reply.Bytes))
		}
	}
}
