package llm_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm"
	"dreamchat/pkg/problem"
)

// settler is a client of a server that answers GET /generation so.
func settler(t *testing.T, status int, body string) *llm.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if request.Method != http.MethodGet || request.RequestURI != "/v1/generation?id=gen-1%26id%3D2" ||
			request.Header.Get("Authorization") != "Bearer "+key {
			t.Errorf("asked: %s %s", request.Method, request.RequestURI)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body) // the client has gone
	}))
	t.Cleanup(server.Close)
	return &llm.Client{BaseURL: server.URL + "/v1/", Key: key, HTTP: server.Client(), OpenRouter: true}
}

func TestSettledIsWhatTheProviderCounts(t *testing.T) {
	t.Parallel()
	const told = `{"data":{"id":"gen-1","cancelled":true,"model":"a/b","provider_name":"X","total_cost":%s,` +
		`"tokens_prompt":1,"tokens_completion":2,"native_tokens_prompt":10,"native_tokens_completion":25,"native_tokens_reasoning":5}}`
	for name, test := range map[string]struct{ body, want string }{
		"a number":        {fmt.Sprintf(told, "0.0015"), "10+25(5)=35 0.0015"},
		"many digits":     {fmt.Sprintf(told, "0.00012345678901234567890"), "10+25(5)=35 0.0001234567890123456789"},
		"an exponent":     {fmt.Sprintf(told, "2.97e-06"), "10+25(5)=35 0.00000297"},
		"a string":        {fmt.Sprintf(told, `"0.10"`), "10+25(5)=35 0.1"},
		"nothing":         {fmt.Sprintf(told, "0"), "10+25(5)=35 0"},
		"other tokens":    {`{"data":{"total_cost":1,"tokens_prompt":3,"tokens_completion":4,"native_tokens_prompt":null}}`, "3+4(0)=7 1"},
		"no tokens":       {`{"data":{"total_cost":1,"native_tokens_reasoning":null}}`, "0+0(0)=0 1"},
		"too many tokens": {`{"data":{"total_cost":1,"native_tokens_prompt":9000000000000,"native_tokens_completion":-1}}`, "1000000000+0(0)=1000000000 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			usage, err := settler(t, http.StatusOK, test.body).Settled(t.Context(), "gen-1&id=2")
			if err != nil {
				t.Fatal(err)
			}
			got := fmt.Sprintf("%d+%d(%d)=%d %s", usage.PromptTokens, usage.CompletionTokens, usage.ReasoningTokens, usage.TotalTokens, *usage.Cost)
			if got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestWhatIsNotSettled(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status int
		body   string
		kind   problem.Kind
	}{
		"not yet":     {http.StatusNotFound, `{"error":{"code":404,"message":"Generation not found"}}`, problem.NotFound},
		"no cost":     {http.StatusOK, `{"data":{"total_cost":null}}`, problem.NotFound},
		"a negative":  {http.StatusOK, `{"data":{"total_cost":-1}}`, problem.NotFound},
		"no data":     {http.StatusOK, `{}`, problem.NotFound},
		"no JSON":     {http.StatusOK, `<html>`, problem.Upstream},
		"too long":    {http.StatusOK, `{"data":{"model":"` + strings.Repeat("x", 64<<10) + `","total_cost":1}}`, problem.Upstream},
		"a wrong key": {http.StatusUnauthorized, `{"error":{"code":401,"message":"no ` + key + `"}}`, problem.UpstreamAuth},
		"busy":        {http.StatusTooManyRequests, `{}`, problem.UpstreamBusy},
		"failing":     {http.StatusInternalServerError, `{}`, problem.Upstream},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			usage, err := settler(t, test.status, test.body).Settled(t.Context(), "gen-1&id=2")
			if !errors.Is(err, test.kind) || usage != (chat.Usage{}) || strings.Contains(fmt.Sprint(err), key) {
				t.Errorf("got %+v, %v, want %s", usage, err, test.kind.Code())
			}
		})
	}
}
