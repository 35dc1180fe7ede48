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

// lister is a client of a server that answers GET /models so.
func lister(t *testing.T, status int, body string) *llm.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if request.Method != http.MethodGet || request.URL.Path != "/v1/models" || request.Header.Get("Authorization") != "Bearer "+key {
			t.Errorf("asked: %s %s", request.Method, request.URL)
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body) // the client has gone
	}))
	t.Cleanup(server.Close)
	return &llm.Client{BaseURL: server.URL + "/v1", Key: key, HTTP: server.Client()}
}

func shown(price *string) string {
	if price == nil {
		return "untold"
	}
	return "“" + *price + "”"
}

func TestModelsAreListedAsTheirProviderTells(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 1001)
	for name, test := range map[string]struct{ model, want string }{
		"OpenRouter": {`{"id":"a/b","name":"B","description":"D","context_length":8192,"pricing":{"prompt":"0.00000015","completion":"6e-7"}}`, "a/b B D 8192 “0.00000015” “0.0000006”"},
		"numbers":    {`{"id":"a/b","pricing":{"prompt":0.10,"completion":0},"context_length":8192.0}`, "a/b   8192 “0.1” “0”"},
		"router":     {`{"id":"a/b","context_length":null,"pricing":{"prompt":"-1","completion":"-0.5"}}`, "a/b   0 “” “”"},
		"nonsense":   {`{"id":"a/b","context_length":-5,"pricing":{"prompt":"free","completion":null}}`, "a/b   0 “” untold"},
		"Ollama":     {`{"id":"llama3:8b","object":"model","created":1721260800,"owned_by":"library"}`, "llama3:8b   0 untold untold"},
		"too long":   {`{"id":"a/b","name":"` + long + `","description":"` + long + `"}`, "a/b " + long[:400] + " " + long[:2000] + " 0 untold untold"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			unfit := `{"id":""},{"id":"a b"},{"id":"` + strings.Repeat("x", 201) + `"},`
			listings, err := lister(t, http.StatusOK, `{"object":"list","data":[`+unfit+test.model+`,`+test.model+`]}`).ListModels(t.Context())
			if err != nil || len(listings) != 1 {
				t.Fatalf("%+v, %v", listings, err)
			}
			if got := describe(listings[0]); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func describe(l chat.Listing) string {
	return fmt.Sprintf("%s %s %s %d %s %s", l.ID, l.Name, l.Description, l.ContextLength, shown(l.PricingInput), shown(l.PricingOutput))
}

func TestListsThatAreNone(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		status int
		body   string
		kind   problem.Kind
	}{
		"empty":       {http.StatusOK, `{"data":[]}`, problem.Upstream},
		"null":        {http.StatusOK, `{"data":null}`, problem.Upstream},
		"no JSON":     {http.StatusOK, `<html>`, problem.Upstream},
		"too many":    {http.StatusOK, `{"data":[` + strings.Repeat(`{"id":"a"},`, 5000) + `{"id":"a"}]}`, problem.Upstream},
		"too long":    {http.StatusOK, `{"data":[{"id":"a"}]}` + strings.Repeat(" ", 16<<20), problem.Upstream},
		"a wrong key": {http.StatusUnauthorized, `{"error":{"code":401,"message":"no ` + key + `"}}`, problem.UpstreamAuth},
		"busy":        {http.StatusTooManyRequests, `{}`, problem.UpstreamBusy},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := lister(t, test.status, test.body).ListModels(t.Context())
			if !errors.Is(err, test.kind) || strings.Contains(fmt.Sprint(err), key) {
				t.Errorf("got %v, want %s", err, test.kind.Code())
			}
		})
	}
}
