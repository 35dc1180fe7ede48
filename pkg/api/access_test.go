package api_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/chat"
)

// access is the status that each kind of caller gets from a route. What it is
// about belongs to the owner.
type access struct{ nobody, expired, stranger, admin, owner int }

func everybody(status int) access { return access{status, status, status, status, status} }

func signedIn(status int) access {
	return access{http.StatusUnauthorized, http.StatusUnauthorized, status, status, status}
}

func owners(status int) access {
	return access{http.StatusUnauthorized, http.StatusUnauthorized, http.StatusNotFound, http.StatusNotFound, status}
}

func admins(status int) access {
	return access{http.StatusUnauthorized, http.StatusUnauthorized, http.StatusForbidden, status, http.StatusForbidden}
}

// accesses says for every route who may. A route without a row fails the test.
func accesses() map[string]access {
	return map[string]access{
		"GET /healthz":                  everybody(http.StatusOK),
		"GET /readyz":                   everybody(http.StatusOK),
		"GET /metrics":                  everybody(http.StatusOK),
		"GET /openapi.yaml":             everybody(http.StatusOK),
		"GET /docs":                     everybody(http.StatusOK),
		"GET /docs/:file":               everybody(http.StatusOK),
		"GET /.well-known/jwks.json":    everybody(http.StatusOK),
		"POST /api/v1/auth/register":    everybody(http.StatusConflict), // a good body, with a name that is taken
		"POST /api/v1/auth/login":       everybody(http.StatusOK),
		"POST /api/v1/auth/refresh":     everybody(http.StatusUnauthorized), // the body's token counts, not the header's
		"POST /api/v1/auth/logout":      everybody(http.StatusNoContent),
		"GET /api/v1/auth/me":           signedIn(http.StatusOK),
		"POST /api/v1/auth/password":    signedIn(http.StatusNoContent), // each has the same one
		"GET /api/v1/auth/sessions":     signedIn(http.StatusOK),
		"POST /api/v1/auth/api-keys":    signedIn(http.StatusCreated),
		"GET /api/v1/auth/api-keys":     signedIn(http.StatusOK),
		"GET /api/v1/me/export":         signedIn(http.StatusOK),
		"DELETE /api/v1/me":             signedIn(http.StatusNoContent),
		"GET /api/v1/admin/users":       admins(http.StatusOK),
		"GET /api/v1/admin/users/:id":   admins(http.StatusOK),
		"PATCH /api/v1/admin/users/:id": admins(http.StatusOK),
		"GET /api/v1/models":            signedIn(http.StatusOK),
		"GET /api/v1/models/*":          signedIn(http.StatusOK),
		"PATCH /api/v1/models/*":        admins(http.StatusOK),
		"POST /api/v1/models/sync":      admins(http.StatusOK),
		"POST /api/v1/conversations":    signedIn(http.StatusCreated),
		"GET /api/v1/conversations":     signedIn(http.StatusOK),
		"GET /api/v1/events":            signedIn(http.StatusOK),
		"GET /api/v1/usage":             signedIn(http.StatusOK),
		"POST /api/v1/chat/completions": signedIn(http.StatusOK),

		"POST /api/v1/auth/stream-tickets": signedIn(http.StatusCreated),
		"DELETE /api/v1/auth/api-keys/:id": owners(http.StatusNoContent),
		"DELETE /api/v1/auth/sessions/:id": owners(http.StatusNoContent),

		"GET /api/v1/conversations/:id":           owners(http.StatusOK),
		"PATCH /api/v1/conversations/:id":         owners(http.StatusOK),
		"DELETE /api/v1/conversations/:id":        owners(http.StatusNoContent),
		"POST /api/v1/conversations/:id/fork":     owners(http.StatusCreated),
		"GET /api/v1/conversations/:id/messages":  owners(http.StatusOK),
		"POST /api/v1/conversations/:id/messages": owners(http.StatusOK),
		"POST /api/v1/conversations/:id/estimate": owners(http.StatusOK),
		"GET /api/v1/messages/:id":                owners(http.StatusOK),
		"GET /api/v1/messages/:id/events":         owners(http.StatusOK),
		"POST /api/v1/messages/:id/stop":          owners(http.StatusOK),
		"POST /api/v1/messages/:id/regenerate":    owners(http.StatusOK),

		// A chat is the caller's own by any id; one that nobody follows has nothing to tell.
		"POST /api/v1/ai/chat":           signedIn(http.StatusOK),
		"GET /api/v1/ai/chat/:id/stream": {http.StatusUnauthorized, http.StatusUnauthorized, http.StatusNoContent, http.StatusNoContent, http.StatusOK},
	}
}

func TestEveryRouteIsForThoseWhoMayUseIt(t *testing.T) {
	t.Parallel()
	key := apitest.Key(t)
	s := apitest.Start(t, apitest.Options{Key: key})
	rows, met := accesses(), 0
	for _, route := range routes() {
		name := route.Method + " " + route.Path
		want, ok := rows[name]
		if !ok {
			t.Errorf("nothing says who may use %s", name)
			continue
		}
		met++
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			things := thingsOf(t, s)
			expired := s.As(things.owner)
			expired.Token = signer{key, things.owner.Session.User.ID}.sign(t, time.Now().Add(-time.Hour), "dreamchat")
			for _, caller := range []struct {
				name string
				user *apitest.User
				want int
			}{
				{"nobody", s.Nobody(), want.nobody},
				{"expired", expired, want.expired},
				{"stranger", s.User(), want.stranger},
				{"admin", admin(t, s), want.admin},
				{"owner", things.owner, want.owner}, // last, since what it deletes is gone
			} {
				if got := things.call(t, caller.user, route); got != caller.want {
					t.Errorf("%s gets %d, want %d", caller.name, got, caller.want)
				}
			}
		})
	}
	if met != len(rows) {
		t.Errorf("%d rows are for no route", len(rows)-met)
	}
}

// things are what an owner has one of each.
type things struct {
	owner        *apitest.User
	conversation chat.Conversation
	asked        apitest.Exchange
	key          apiKey
	session      string
}

func thingsOf(t *testing.T, s *apitest.Service) things {
	t.Helper()
	owner := s.User()
	conversation := owner.Conversation()
	return things{
		owner: owner, conversation: conversation, asked: owner.Ask(conversation.ID, "Hello"),
		key: createKey(owner, map[string]any{"name": "one"}), session: sessions(owner)[0].ID,
	}
}

// call returns the status, and does not wait for the end of a stream.
func (o things) call(t *testing.T, caller *apitest.User, route *echo.Route) int {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	response := caller.In(t).Open(ctx, route.Method, o.path(route.Path), o.body(route))
	defer func() { _ = response.Body.Close() }()
	return response.StatusCode
}

func (o things) path(path string) string {
	id := o.conversation.ID
	switch {
	case strings.HasPrefix(path, "/api/v1/messages/"):
		id = o.asked.Message.ID
	case strings.HasPrefix(path, "/api/v1/admin/users/"):
		id = o.owner.Session.User.ID
	case strings.HasPrefix(path, "/api/v1/auth/api-keys/"):
		id = o.key.ID
	case strings.HasPrefix(path, "/api/v1/auth/sessions/"):
		id = o.session
	}
	return strings.NewReplacer(":id", id, ":file", "swagger-ui.css", "/models/*", "/models/"+apitest.Model).Replace(path)
}

func (o things) body(route *echo.Route) any {
	user := o.owner.Session.User
	switch route.Method + " " + route.Path {
	case "POST /api/v1/auth/register":
		return map[string]any{"email": user.Email, "username": user.Username, "password": "a long password"}
	case "POST /api/v1/auth/login":
		return map[string]any{"username": user.Username, "password": "a long password"}
	case "POST /api/v1/auth/refresh", "POST /api/v1/auth/logout":
		return map[string]any{"refreshToken": "of nobody"}
	case "POST /api/v1/auth/password":
		return map[string]any{"currentPassword": "a long password", "newPassword": "a long password"}
	case "POST /api/v1/auth/api-keys":
		return map[string]any{"name": "two"}
	case "PATCH /api/v1/admin/users/:id":
		return map[string]any{"suspended": false}
	case "PATCH /api/v1/models/*":
		return map[string]any{"isActive": true}
	case "PATCH /api/v1/conversations/:id":
		return map[string]any{"title": "Other"}
	case "POST /api/v1/conversations/:id/fork":
		return map[string]any{"messageId": o.asked.Message.ID}
	case "POST /api/v1/conversations/:id/messages", "POST /api/v1/conversations/:id/estimate":
		return map[string]any{"content": "Hello again"}
	case "POST /api/v1/chat/completions":
		return map[string]any{"model": apitest.Model, "messages": []any{map[string]any{"role": "user", "content": "Hello"}}}
	case "POST /api/v1/ai/chat":
		return apitest.UITurn("chat", "question", "Hello")
	}
	return nil
}
