package api_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/llm/llmtest"
)

// metric is the sum of the lines of /metrics that begin with the pattern, -1
// if there are none.
func metric(t *testing.T, s *apitest.Service, pattern string) float64 {
	t.Helper()
	text := s.Nobody().Get("/metrics").Status(http.StatusOK).Bytes
	lines := regexp.MustCompile(`(?m)^`+pattern+` (\S+)$`).FindAllSubmatch(text, -1)
	if lines == nil {
		return -1
	}
	sum := 0.0
	for _, line := range lines {
		value, err := strconv.ParseFloat(string(line[1]), 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += value
	}
	return sum
}

func TestMetricsTellWhatHappened(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := s.User()
	conversation := user.Conversation()
	spend(s, user, conversation.ID, 3, 5, "0.1")
	s.Router.Script(llmtest.ErrorStatus(500, "Oh no.", ""))
	user.Post("/api/v1/conversations/"+conversation.ID+"/messages", map[string]any{"content": "Hi"}, "Accept: application/json").Status(http.StatusBadGateway)
	list(user, "")
	list(user, "")
	user.Get("/api/v1/nothing").Status(http.StatusNotFound)

	for _, test := range []struct {
		pattern string
		want    float64
	}{
		{`dreamchat_generations_total{provider="openrouter",status="complete"}`, 1},
		{`dreamchat_generations_total{provider="openrouter",status="failed"}`, 1},
		{`dreamchat_first_token_seconds_count{provider="openrouter"}`, 1},
		{`dreamchat_generation_seconds_count{provider="openrouter"}`, 2},
		{`dreamchat_tokens_total{kind="prompt",provider="openrouter"}`, 3},
		{`dreamchat_tokens_total{kind="completion",provider="openrouter"}`, 5},
		{`dreamchat_cache_lookups_total{cache="conversations",result="hit"}`, 1},
		{`dreamchat_cache_lookups_total{cache="conversations",result="miss"}`, 1},
		{`dreamchat_cache_lookups_total{cache="models",result="miss"}`, 1},
		{`dreamchat_streams_open`, 0},
		{`dreamchat_http_requests_total\{code="201",.*method="POST",url="/api/v1/conversations"\}`, 1},
		{`dreamchat_http_requests_total\{code="404",.*\}`, 1},
	} {
		// Counted when all is over, which a reply need not wait for.
		apitest.Eventually(t, fmt.Sprint(test.pattern, " is ", test.want), func() bool {
			return metric(t, s, test.pattern) == test.want
		})
	}
	for _, pattern := range []string{`dreamchat_http_request_duration_seconds_count\{.*\}`, `go_goroutines`, `process_resident_memory_bytes`} {
		if got := metric(t, s, pattern); got <= 0 {
			t.Errorf("%s is %v", pattern, got)
		}
	}
}

func TestMetricsCountOpenStreams(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := s.User()
	finish := make(chan struct{})
	s.Router.Script(llmtest.Text("Hello"), llmtest.Wait(finish), llmtest.Finish("stop"), llmtest.Done())
	stream := user.Send(t.Context(), user.Conversation().ID, "Hi")
	stream.Next()
	if got := metric(t, s, "dreamchat_streams_open"); got != 1 {
		t.Errorf("%v streams are open", got)
	}
	close(finish)
	stream.Rest()
	apitest.Eventually(t, "no stream is open", func() bool { return metric(t, s, "dreamchat_streams_open") == 0 })
}

func TestMetricsAreNotMadeUpByClients(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := s.User()
	conversation := user.Conversation()
	user.Get("/api/v1/conversations/" + conversation.ID).Status(http.StatusOK)
	user.Get("/made-up").Status(http.StatusNotFound)
	user.Do("MADEUP", "/healthz", nil).Status(http.StatusMethodNotAllowed)
	text := string(s.Nobody().Get("/metrics").Status(http.StatusOK).Bytes)
	for _, label := range []string{conversation.ID, "made-up", "MADEUP", "127.0.0.1"} {
		if strings.Contains(text, label) {
			t.Errorf("%s is in a label", label)
		}
	}
}

func TestMetricsTellEachStatus(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := s.User()
	for status, send := range map[int]func() *apitest.Reply{
		http.StatusBadRequest:          func() *apitest.Reply { return user.Post("/api/v1/conversations", "{") },
		http.StatusUnauthorized:        func() *apitest.Reply { return s.Nobody().Get("/api/v1/models") },
		http.StatusNotFound:            func() *apitest.Reply { return user.Get("/api/v1/conversations/x") },
		http.StatusMethodNotAllowed:    func() *apitest.Reply { return user.Do(http.MethodPut, "/healthz", nil) },
		http.StatusUnprocessableEntity: func() *apitest.Reply { return user.Get("/api/v1/conversations?limit=0") },
	} {
		send().Status(status)
		apitest.Eventually(t, fmt.Sprint(status, " is counted once"), func() bool {
			return metric(t, s, `dreamchat_http_requests_total\{code="`+strconv.Itoa(status)+`",.*\}`) == 1
		})
	}
}
