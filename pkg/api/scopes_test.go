package api_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/id"
)

// scopeOf is the rule for what an API key needs: to look is to read, all else is
// to chat, and some is not for keys.
func scopeOf(route *echo.Route) (scope string, keys bool) {
	administrators := strings.HasPrefix(route.Path, "/api/v1/models") && route.Method != http.MethodGet
	switch {
	case strings.HasPrefix(route.Path, "/api/v1/auth/"), strings.HasPrefix(route.Path, "/api/v1/admin/"),
		strings.HasPrefix(route.Path+"/", "/api/v1/me/"), administrators:
		return "", false
	case route.Method == http.MethodGet:
		return "read", true
	default:
		return "chat", true
	}
}

// Whoever adds a route names the scope that it needs, here by the rule, in the
// document and in the table of routes.
func TestEachScopeOpensItsRoutes(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	owner := admin(t, s)
	callers := map[string]*apitest.User{"read": withKey(s, owner, "read"), "chat": withKey(s, owner, "chat")}
	opened := map[string]int{}
	for _, route := range routes() {
		if isPublic(route.Path) {
			continue
		}
		needed, keys := scopeOf(route)
		if scope, ok := s.Contract.Scope(t, route.Method, route.Path); scope != needed || ok != keys {
			t.Errorf("%s %s is described with the scope %q, %v; want %q, %v", route.Method, route.Path, scope, ok, needed, keys)
		}
		for scope, caller := range callers {
			may := keys && (needed == scope || scope == "chat")
			t.Run(scope+" "+route.Method+" "+route.Path, func(t *testing.T) {
				got := statusOf(t, caller.In(t), route)
				if (got != http.StatusForbidden) != may || got == http.StatusUnauthorized {
					t.Errorf("the status is %d", got)
				}
			})
			if may {
				opened[scope]++
			}
		}
	}
	if opened["read"] < 9 || opened["chat"] < 17 {
		t.Errorf("the scopes open %v", opened)
	}
}

// statusOf calls a route with nothing that exists and does not wait for the end
// of a stream.
func statusOf(t *testing.T, caller *apitest.User, route *echo.Route) int {
	t.Helper()
	path := strings.NewReplacer(":id", id.New(), "/models/*", "/models/openai/gpt-4o-mini").Replace(route.Path)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	response := caller.Open(ctx, route.Method, path, map[string]any{})
	defer func() { _ = response.Body.Close() }()
	return response.StatusCode
}
