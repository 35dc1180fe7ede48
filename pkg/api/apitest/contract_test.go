package apitest_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/labstack/echo/v4"

	"dreamchat/pkg/api/apitest"
)

// recorder is a test that only notes what is complained of.
type recorder struct {
	testing.TB
	mu         sync.Mutex
	complaints []string
}

func (*recorder) Helper() {}

func (r *recorder) Errorf(format string, values ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.complaints = append(r.complaints, fmt.Sprintf(format, values...))
}

// hold fails the test unless there is exactly one complaint with this text, or
// none for an empty text.
func (r *recorder) hold(t *testing.T, want string) {
	t.Helper()
	switch {
	case want == "" && len(r.complaints) > 0:
		t.Errorf("complains without a reason: %q", r.complaints)
	case want != "" && (len(r.complaints) != 1 || !strings.Contains(r.complaints[0], want)):
		t.Errorf("complaints are %q, want one with %q", r.complaints, want)
	}
}

// wire is a transport that gives a response made by hand.
type wire struct {
	status int
	header string
	body   io.Reader
}

func (w wire) RoundTrip(*http.Request) (*http.Response, error) {
	header := http.Header{
		"Content-Security-Policy":      {"default-src 'none'; frame-ancestors 'none'"},
		"Cross-Origin-Opener-Policy":   {"same-origin"},
		"Cross-Origin-Resource-Policy": {"same-origin"},
		"Referrer-Policy":              {"no-referrer"},
		"X-Content-Type-Options":       {"nosniff"},
		"X-Frame-Options":              {"DENY"},
	}
	for line := range strings.SplitSeq(w.header, "\n") {
		if name, value, ok := strings.Cut(line, ": "); ok {
			header.Set(name, value)
		}
	}
	return &http.Response{StatusCode: w.status, Header: header, Body: io.NopCloser(w.body)}, nil
}

// call sends a request through the contract, reads the response to its end and
// returns what was read.
func call(t *testing.T, tb testing.TB, request *http.Request, response wire) string {
	t.Helper()
	contract := apitest.LoadContract(t)
	got, err := contract.Transport(tb, response).RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := got.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func newRequest(t *testing.T, line, body string) *http.Request {
	t.Helper()
	method, path, _ := strings.Cut(line, " ")
	var content io.Reader
	if body != "" {
		content = strings.NewReader(body)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, "http://localhost"+path, content)
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	request.Header.Set("Authorization", "Bearer token")
	return request
}

const (
	jsonHead    = "X-Request-Id: r1\nContent-Type: application/json"
	problemHead = "X-Request-Id: r1\nContent-Type: application/problem+json"

	user = `{"id":"u1","email":"ada@example.com","username":"ada","role":"USER",` +
		`"createdAt":"2026-01-15T09:30:00Z","updatedAt":"2026-01-15T09:30:00Z"}`
	notFound = `{"type":"urn:dreamchat:problem:not_found","title":"Not found","status":404,` +
		`"detail":"Nothing here.","code":"not_found"}`
)

func TestTransportChecksExchanges(t *testing.T) {
	t.Parallel()
	const models = "GET /api/v1/models"
	tests := []struct {
		name, request, body string
		status              int
		header, response    string
		complaint           string
	}{
		{"as described", "GET /api/v1/auth/me", "", 200, jsonHead, user, ""},
		{"undescribed status", "GET /api/v1/auth/me", "", 418, jsonHead, user, "the status is not described"},
		{"missing field", "GET /api/v1/auth/me", "", 200, jsonHead, strings.Replace(user, `"role":"USER",`, "", 1), "role"},
		{"wrong type", "GET /api/v1/auth/me", "", 200, jsonHead, strings.Replace(user, `"u1"`, "1", 1), "/id"},
		{"undescribed field", "GET /api/v1/auth/me", "", 200, jsonHead, strings.Replace(user, "{", `{"age":1,`, 1), "age"},
		{"missing header", "GET /api/v1/auth/me", "", 200, "Content-Type: application/json", user, "X-Request-Id"},
		{"malformed header", "GET /api/v1/auth/me", "", 200, strings.Replace(jsonHead, "r1", "a b", 1), user, "X-Request-Id"},
		{"undescribed header", "GET /api/v1/auth/me", "", 200, jsonHead + "\nX-Debug: 1", user, "X-Debug"},
		{"other content type", "GET /api/v1/auth/me", "", 200, strings.Replace(jsonHead, "json", "xml", 1), user, "application/xml"},
		{"401 without a challenge", "GET /api/v1/auth/me", "", 401, problemHead, notFound, "WWW-Authenticate"},
		{"304", models, "", 304, "X-Request-Id: r1\nETag: \"a\"\nCache-Control: private, no-cache", "", ""},
		{"304 without ETag", models, "", 304, "X-Request-Id: r1\nCache-Control: private, no-cache", "", "ETag"},
		{"204 with a body", "POST /api/v1/auth/logout", `{"refreshToken":"t"}`, 204, "X-Request-Id: r1", "done", "there is a body"},
		{"bad request granted", "POST /api/v1/auth/logout", `{"token":"t"}`, 204, "X-Request-Id: r1", "", "the request was granted"},
		{"bad parameter granted", "GET /api/v1/conversations?limit=0", "", 200, jsonHead, `{"data":[],"total":0,"limit":0,"offset":0}`, "limit"},
		{"bad request refused", "GET /api/v1/conversations?limit=0", "", 422, problemHead, notFound, ""},
		{"unknown path", "GET /nowhere", "", 404, problemHead, notFound, ""},
		{"unknown path without a problem", "GET /nowhere", "", 404, "Content-Type: text/plain", "no", "text/plain"},
		{"unknown method without Allow", "PUT /healthz", "", 405, problemHead, notFound, "Allow"},
		{"undescribed operation", "GET /api/v2", "", 200, jsonHead, "{}", "the operation is not described"},
		{"preflight", "OPTIONS /api/v1/models", "", 204, "Vary: Origin", "", ""},
		{"name with a colon", "GET /api/v1/models/meta-llama/llama-3.1:free", "", 404, problemHead, notFound, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			tb := new(recorder)
			response := wire{test.status, test.header, strings.NewReader(test.response)}
			if got := call(t, tb, newRequest(t, test.request, test.body), response); got != test.response {
				t.Errorf("the body arrives as %q", got)
			}
			tb.hold(t, test.complaint)
		})
	}
}

func TestTransportComplainsOfAGrantWithoutCredentials(t *testing.T) {
	t.Parallel()
	tb := new(recorder)
	request := newRequest(t, "GET /api/v1/auth/me", "")
	request.Header.Del("Authorization")
	call(t, tb, request, wire{200, jsonHead, strings.NewReader(user)})
	tb.hold(t, "security requirements")
}

func TestRoutesComparesBothWays(t *testing.T) {
	t.Parallel()
	tb := new(recorder)
	apitest.LoadContract(t).Routes(tb, []*echo.Route{
		{Method: http.MethodGet, Path: "/api/v1/messages/:id/events"},
		{Method: http.MethodGet, Path: "/api/v1/secrets"},
		{Method: echo.RouteNotFound, Path: "/*"},
	})
	complaints := strings.Join(tb.complaints, "\n")
	for _, want := range []string{
		"GET /api/v1/secrets is served and not described",
		"DELETE /api/v1/conversations/:id is described in openapi.yaml and not served",
		"GET /api/v1/models/* is described in openapi.yaml and not served",
	} {
		if !strings.Contains(complaints, want) {
			t.Errorf("%q is missing in\n%s", want, complaints)
		}
	}
	if strings.Contains(complaints, "/:id/events ") || strings.Contains(complaints, " /*") {
		t.Errorf("complains without a reason:\n%s", complaints)
	}
}
