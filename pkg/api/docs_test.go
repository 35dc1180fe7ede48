package api_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"dreamchat"
	"dreamchat/pkg/api"
	"dreamchat/pkg/api/apitest"
)

// docsClient reads the documentation of a server that has nothing else.
type docsClient struct {
	http.Client
	url string
}

func newDocsClient(t *testing.T) *docsClient {
	t.Helper()
	bare := &api.Server{Log: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry()}
	server := httptest.NewServer(bare.Handler())
	t.Cleanup(server.Close)
	transport := apitest.LoadContract(t).Transport(t, server.Client().Transport)
	return &docsClient{Client: http.Client{Transport: transport}, url: server.URL}
}

// get returns the response, its body read.
func (c *docsClient) get(t *testing.T, path, etag string) (*http.Response, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.url+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if etag != "" {
		request.Header.Set("If-None-Match", etag)
	}
	response, err := c.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, string(body)
}

func TestDocsAreServedAndCacheable(t *testing.T) {
	t.Parallel()
	client := newDocsClient(t)
	for path, kind := range map[string]string{
		"/docs":                        "text/html; charset=UTF-8",
		"/docs/swagger-ui.css":         "text/css; charset=utf-8",
		"/docs/swagger-ui-bundle.js":   "text/javascript; charset=utf-8",
		"/docs/swagger-initializer.js": "text/javascript; charset=utf-8",
		"/docs/favicon-32x32.png":      "image/png",
		"/openapi.yaml":                "application/yaml",
	} {
		response, body := client.get(t, path, "")
		if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != kind || body == "" {
			t.Errorf("%s: %d, %q, %d bytes", path, response.StatusCode, response.Header.Get("Content-Type"), len(body))
		}
		again, body := client.get(t, path, response.Header.Get("ETag"))
		if again.StatusCode != http.StatusNotModified || body != "" {
			t.Errorf("%s: %d for what the client holds", path, again.StatusCode)
		}
	}
}

func TestDocsShowTheEmbeddedDocument(t *testing.T) {
	t.Parallel()
	if _, body := newDocsClient(t).get(t, "/openapi.yaml", ""); body != string(dreamchat.OpenAPI) {
		t.Error("/openapi.yaml is not the document")
	}
}

func TestDocsLoadNothingFromElsewhere(t *testing.T) {
	t.Parallel()
	client := newDocsClient(t)
	page, text := client.get(t, "/docs", "")
	_, script := client.get(t, "/docs/swagger-initializer.js", "")
	links := regexp.MustCompile(`(?:src|href|url)(?:=|: )"([^"]*)"`).FindAllStringSubmatch(text+script, -1)
	if len(links) != 5 {
		t.Errorf("the page has the links %q", links)
	}
	for _, link := range links {
		if response, _ := client.get(t, link[1], ""); response.StatusCode != http.StatusOK {
			t.Errorf("%s: %d", link[1], response.StatusCode)
		}
	}
	if !strings.Contains(script, "validatorUrl: null") {
		t.Error("the page may ask a public validator")
	}
	policy := page.Header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "http") {
		t.Errorf("the policy is %q", policy)
	}
}

func TestDocsKeepOtherFilesBack(t *testing.T) {
	t.Parallel()
	client := newDocsClient(t)
	for _, name := range []string{"swagger-ui-bundle.js.map", "index.html", "oauth2-redirect.html", "..%2Fgo.mod"} {
		if response, _ := client.get(t, "/docs/"+name, ""); response.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", name, response.StatusCode)
		}
	}
}
