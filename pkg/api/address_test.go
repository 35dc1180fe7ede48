package api_test

import (
	"net/http"
	"strings"
	"testing"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/problem"
)

func TestAddressThatIsTooLong(t *testing.T) {
	t.Parallel()
	user := apitest.Start(t, apitest.Options{}).User()
	fill := func(path string, size int) string { return path + strings.Repeat("x", size-len(path)) }
	const limit = 8 << 10
	for _, path := range []string{"/api/v1/conversations?q=", "/api/v1/models/", "/", "/api/v1/events?after=", "/api/v1/messages/"} {
		told := user.Get(fill(path, limit+1)).Problem(problem.URITooLong)
		if told.Details["limit"] != float64(limit) {
			t.Errorf("%s: told %+v", path, told)
		}
	}
	for path, status := range map[string]int{"/api/v1/conversations?q=": 422, "/api/v1/models/": 404, "/": 404, "/api/v1/messages/": 404} {
		user.Get(fill(path, limit)).Status(status)
	}
	told := envelope(user.Post(fill(completions+"?x=", limit+1), completion(apitest.Model, "Hi")).Status(http.StatusRequestURITooLong))
	if told.Code != problem.URITooLong.Code() {
		t.Errorf("told %+v", told)
	}
}

func TestQueryThatCannotBeRead(t *testing.T) {
	t.Parallel()
	user := apitest.Start(t, apitest.Options{}).User()
	conversations := "/api/v1/conversations?"
	for name, query := range map[string]string{
		"no hex":              "q=%zz",
		"half of it":          "limit=1&q=%2",
		"semicolons":          "limit=1;offset=2",
		"too many":            strings.Repeat("a=1&", 32) + "b=1",
		"too many of nothing": strings.Repeat("&", 32),
	} {
		t.Run(name, func(t *testing.T) {
			user.In(t).Get(conversations + query).Problem(problem.Malformed)
			user.In(t).Get("/api/v1/events?" + query).Problem(problem.Malformed)
			user.In(t).Get("/nothing?" + query).Problem(problem.Malformed)
		})
	}
	user.Get(conversations + strings.Repeat("a=1&", 31) + "limit=1").Status(http.StatusOK)
	user.Get(conversations).Status(http.StatusOK)
}

func TestHeadersThatAreTooLarge(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	for name, more := range map[string][]string{
		"one":  {"X-Large: " + strings.Repeat("x", 40<<10)},
		"many": strings.Split(strings.Repeat("X-Small: x\n", 5000), "\n"),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t, s)
			w.say("", head("GET /healthz", "", more...)...)
			if reply, body := w.hear(); reply.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
				t.Errorf("status %d: %s", reply.StatusCode, body)
			}
		})
	}
	s.Nobody().Get("/healthz", "X-Large: "+strings.Repeat("x", 30<<10)).Status(http.StatusOK)
}
