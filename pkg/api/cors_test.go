package api_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"dreamchat/pkg/api"
	"dreamchat/pkg/api/apitest"
)

const (
	ourPage     = "Origin: https://app.example"
	foreignPage = "Origin: https://evil.example"
)

// wordsOf are the values of a header that is a list, in lower case.
func wordsOf(header http.Header, name string) []string {
	return strings.FieldsFunc(strings.ToLower(strings.Join(header.Values(name), ",")), func(r rune) bool { return r == ',' || r == ' ' })
}

func preflight(user *apitest.User, path, origin, method string) http.Header {
	return user.Do(http.MethodOptions, path, nil, origin, "Access-Control-Request-Method: "+method,
		"Access-Control-Request-Headers: authorization,x-stainless-lang").Status(http.StatusNoContent).Header
}

func TestCORSPreflight(t *testing.T) {
	t.Parallel()
	nobody := apitest.Start(t, apitest.Options{}).Nobody()
	for _, route := range routes() {
		if route.Method == "echo_route_not_found" {
			continue
		}
		path := strings.NewReplacer(":id", "x", "*", "x", ":file", "x").Replace(route.Path)
		granted := preflight(nobody, path, ourPage, route.Method)
		if got := granted.Get("Access-Control-Allow-Origin"); got != "https://app.example" {
			t.Errorf("%s: the origin allowed is %q", path, got)
		}
		if !slices.Contains(wordsOf(granted, "Access-Control-Allow-Methods"), strings.ToLower(route.Method)) {
			t.Errorf("%s %s is not allowed: %v", route.Method, path, granted)
		}
		// Also what OpenAI's own client adds.
		if got := granted.Get("Access-Control-Allow-Headers"); got != "authorization,x-stainless-lang" {
			t.Errorf("%s: the headers allowed are %q", path, got)
		}
		if granted.Get("Access-Control-Max-Age") != "86400" {
			t.Errorf("%s: it is not kept: %v", path, granted)
		}
		for _, name := range []string{"origin", "access-control-request-method", "access-control-request-headers"} {
			if !slices.Contains(wordsOf(granted, "Vary"), name) {
				t.Errorf("%s: a cache would not heed %s: %v", path, name, granted)
			}
		}
		if granted.Get("Access-Control-Allow-Credentials") != "" {
			t.Errorf("%s: cookies are asked for", path)
		}
	}
}

func TestCORSIsForOurOriginsAlone(t *testing.T) {
	t.Parallel()
	// The server itself takes nothing for more than one exact origin.
	s := apitest.Start(t, apitest.Options{Change: func(server *api.Server) {
		server.Origins = append(server.Origins, "*", "null", "https://*.wild.example")
	}})
	user := s.User()
	for _, origin := range []string{
		"https://evil.example", "http://app.example", "https://app.example:8443", "https://app.example.evil.example",
		"https://evil-app.example", "https://sub.app.example", "https://APP.example", "https://app.example/", "app.example",
		"https://app.example, https://evil.example", "https://a.wild.example", "null", "file://", "https://appxexample",
	} {
		t.Run(origin, func(t *testing.T) {
			asked := preflight(user.In(t), "/api/v1/models", "Origin: "+origin, "GET")
			read := user.In(t).Get("/api/v1/models", "Origin: "+origin).Status(http.StatusOK).Header
			for _, header := range []http.Header{asked, read} {
				for name := range header {
					if strings.HasPrefix(name, "Access-Control-") {
						t.Errorf("it gets %s: %s", name, header.Get(name))
					}
				}
				if !slices.Contains(wordsOf(header, "Vary"), "origin") {
					t.Error("a cache may give our pages what this one got")
				}
			}
		})
	}
	if header := user.Get("/api/v1/models").Header; header.Get("Access-Control-Allow-Origin") != "" || !slices.Contains(wordsOf(header, "Vary"), "origin") {
		t.Errorf("without an origin: %v", header)
	}
}

func TestCORSWithoutOrigins(t *testing.T) {
	t.Parallel()
	user := apitest.Start(t, apitest.Options{Change: func(server *api.Server) { server.Origins = nil }}).User()
	if got := user.Get("/api/v1/models", ourPage).Header.Get("Access-Control-Allow-Origin"); got != "" {
		t.Errorf("the origin allowed is %q", got)
	}
}

func TestCORSLetsPagesReadEverything(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user, nobody := s.User(), s.Nobody()
	conversation := user.Conversation()
	answer := user.Ask(conversation.ID, "Hi").Message
	messages := "/api/v1/conversations/" + conversation.ID + "/messages"
	readable := user.Get("/healthz", ourPage).Header
	exposed := readable.Get("Access-Control-Expose-Headers")
	// A page can always read the first; the others are for browsers and proxies.
	unread := []string{"Cache-Control", "Content-Security-Policy", "X-Accel-Buffering", "X-Content-Type-Options"}
	for _, described := range s.Contract.Headers() {
		if !slices.Contains(unread, described) && !slices.Contains(wordsOf(readable, "Access-Control-Expose-Headers"), strings.ToLower(described)) {
			t.Errorf("pages cannot read %s, only %s", described, exposed)
		}
	}
	for name, reply := range map[string]*apitest.Reply{
		"data":                user.Get("/api/v1/models", ourPage).Status(http.StatusOK),
		"a stream begun anew": user.Get("/api/v1/messages/"+answer.ID+"/events", ourPage, "Last-Event-ID: 1.99999").Status(http.StatusOK),
		"an answer's stream":  user.Post(messages, map[string]string{"content": "Hi"}, ourPage).Status(http.StatusOK),
		"a completion":        user.Post(completions, completion(apitest.Model, "Hi"), ourPage).Status(http.StatusOK),
		"a UI message":        user.Post("/api/v1/ai/chat", apitest.UITurn("chat-1", "m1", "Hi"), ourPage).Status(http.StatusOK),
		"no token":            nobody.Get("/api/v1/models", ourPage).Status(http.StatusUnauthorized),
		"no ticket":           nobody.Get("/api/v1/events?ticket=x", ourPage).Status(http.StatusUnauthorized),
		"no such route":       user.Get("/api/v1/nothing", ourPage).Status(http.StatusNotFound),
		"no such method":      user.Do("PUT", "/api/v1/models", nil, ourPage).Status(http.StatusMethodNotAllowed),
		"no such thing":       user.Get("/api/v1/messages/x", ourPage).Status(http.StatusNotFound),
		"a body too large":    user.Post(messages, `"`+strings.Repeat("x", 1<<20)+`"`, ourPage).Status(http.StatusRequestEntityTooLarge),
		"an address too long": user.Get("/"+strings.Repeat("x", 9000), ourPage).Status(http.StatusRequestURITooLong),
		"a wrong type":        user.Post(messages, "x", ourPage, "Content-Type: text/plain").Status(http.StatusUnsupportedMediaType),
		"a broken rule":       user.Post(messages, "{}", ourPage).Status(http.StatusUnprocessableEntity),
	} {
		header := reply.Header
		if got := header.Get("Access-Control-Allow-Origin"); got != "https://app.example" {
			t.Errorf("%s: the origin allowed is %q", name, got)
		}
		if got := header.Get("Access-Control-Allow-Credentials"); got != "" {
			t.Errorf("%s: cookies are asked for: %q", name, got)
		}
		if got := header.Get("Access-Control-Expose-Headers"); got != exposed {
			t.Errorf("%s: pages can read %q, want %q", name, got, exposed)
		}
	}
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	feed := user.Open(ctx, http.MethodGet, "/api/v1/events", nil, ourPage)
	defer feed.Body.Close()
	if got := feed.Header.Get("Access-Control-Allow-Origin"); got != "https://app.example" {
		t.Errorf("the feed: the origin allowed is %q", got)
	}
}
