package api_test

import (
	"net/http"
	"strings"
	"testing"

	"dreamchat/pkg/api/apitest"
)

const (
	ourPage     = "Origin: https://app.example"
	foreignPage = "Origin: https://evil.example"
)

func TestCORSPreflight(t *testing.T) {
	t.Parallel()
	nobody := apitest.Start(t, apitest.Options{}).Nobody()
	ask := func(origin string) http.Header {
		return nobody.Do(http.MethodOptions, "/api/v1/conversations", nil, origin,
			"Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization,x-stainless-lang").
			Status(http.StatusNoContent).Header
	}

	granted := ask(ourPage)
	if got := granted.Get("Access-Control-Allow-Origin"); got != "https://app.example" {
		t.Errorf("the origin allowed is %q", got)
	}
	for _, method := range []string{"GET", "POST", "PATCH", "DELETE"} {
		if !strings.Contains(granted.Get("Access-Control-Allow-Methods"), method) {
			t.Errorf("%s is not allowed: %v", method, granted)
		}
	}
	// Also what OpenAI's own client adds.
	if got := granted.Get("Access-Control-Allow-Headers"); got != "authorization,x-stainless-lang" {
		t.Errorf("the headers allowed are %q", got)
	}
	if granted.Get("Access-Control-Max-Age") != "86400" || !strings.Contains(strings.Join(granted.Values("Vary"), ","), "Origin") {
		t.Errorf("how long it may be kept: %v", granted)
	}

	for name := range ask(foreignPage) {
		if strings.HasPrefix(name, "Access-Control-Allow-") {
			t.Errorf("a foreign page gets %s", name)
		}
	}
}

func TestCORSOfRequests(t *testing.T) {
	t.Parallel()
	user := apitest.Start(t, apitest.Options{}).User()

	allowed := user.Get("/api/v1/models", ourPage).Status(http.StatusOK).Header
	if got := allowed.Get("Access-Control-Allow-Origin"); got != "https://app.example" {
		t.Errorf("the origin allowed is %q", got)
	}
	for _, name := range []string{"X-Request-Id", "Location", "Retry-After", "Idempotency-Replayed", "ETag", "X-Conversation-Id", "X-Message-Id", "X-Should-Retry"} {
		if !strings.Contains(strings.ToLower(allowed.Get("Access-Control-Expose-Headers")), strings.ToLower(name)) {
			t.Errorf("pages cannot read %s: %v", name, allowed)
		}
	}
	if got := allowed.Get("Access-Control-Allow-Credentials"); got != "" {
		t.Errorf("cookies are asked for: %q", got)
	}
	failed := user.Get("/api/v1/nothing", ourPage).Status(http.StatusNotFound)
	if got := failed.Header.Get("Access-Control-Allow-Origin"); got != "https://app.example" {
		t.Errorf("pages cannot read errors: %q", got)
	}
	foreign := user.Get("/api/v1/models", foreignPage).Status(http.StatusOK)
	if got := foreign.Header.Get("Access-Control-Allow-Origin"); got != "" {
		t.Errorf("a foreign page may read: %q", got)
	}
}
