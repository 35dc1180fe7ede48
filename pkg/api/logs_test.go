package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"dreamchat/pkg/api"
	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/llm/llmtest"
)

// journal keeps what is logged. It is safe for concurrent use.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(line)
}

func (j *journal) handler() slog.Handler {
	return slog.NewJSONHandler(j, &slog.HandlerOptions{Level: slog.LevelDebug})
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// lines are what was logged so far.
func (j *journal) lines(t *testing.T) []map[string]any {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	var lines []map[string]any
	for line := range bytes.Lines(j.text.Bytes()) {
		var fields map[string]any
		if err := json.Unmarshal(line, &fields); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		lines = append(lines, fields)
	}
	return lines
}

func TestLogsKeepSecretsOfPeople(t *testing.T) {
	t.Parallel()
	kept := new(journal)
	s := apitest.Start(t, apitest.Options{Log: kept.handler(), Change: func(server *api.Server) {
		server.Log.Debug("the journal is written")
	}})
	const secret = "Sesame-4711"
	user := s.User()
	sessions := []string{user.Session.AccessToken, user.Session.RefreshToken}
	s.Nobody().Post("/api/v1/auth/login", credentials(user.Session.User.Username, secret)).Status(http.StatusUnauthorized)
	ticket := apitest.Decode[map[string]any](user.Post("/api/v1/auth/stream-tickets", nil))["ticket"].(string)
	conversation := create(user, "title "+secret)
	messages := "/api/v1/conversations/" + conversation.ID + "/messages"
	ask := func(steps ...llmtest.Step) *apitest.Reply {
		s.Router.Script(steps...)
		return user.Post(messages, map[string]any{"content": "question " + secret}, "Accept: application/json", "Idempotency-Key: key-"+secret+fmt.Sprint(len(s.Router.Exchanges())))
	}
	answer := apitest.Decode[apitest.Exchange](ask(llmtest.Answer("answer " + secret)).Status(http.StatusCreated)).Message
	ask(llmtest.ErrorStatus(400, "refused: "+secret, "")).Status(http.StatusBadGateway)
	ask(llmtest.Text("part "+secret), llmtest.ErrorChunk("502", secret)).Status(http.StatusBadGateway)
	ask(llmtest.Text("part "+secret), llmtest.Chunk(`{"`+secret+`":`)).Status(http.StatusBadGateway)
	s.Nobody().Get("/api/v1/messages/" + answer.ID + "/events?ticket=" + ticket).Status(http.StatusOK)
	s.Nobody().Get("/api/v1/messages/" + answer.ID + "/events?ticket=" + secret).Status(http.StatusUnauthorized)
	s.Router.Script(llmtest.Reply(http.StatusOK, "application/json", `{"choices":[{"message":{"content":"`+secret+`"},"finish_reason":"stop"}]}`))
	user.Post(completions, completion(apitest.Model, "question "+secret)).Status(http.StatusOK)
	s.Router.Script(llmtest.ErrorStatus(400, "refused: "+secret, ""))
	user.Post(completions, completion(apitest.Model, "question "+secret)).Status(http.StatusBadRequest)
	user.Post(messages, `{"`+secret+`":1}`).Status(http.StatusBadRequest)
	user.Get("/api/v1/conversations?q=" + secret).Status(http.StatusOK)
	user.Get("/" + secret).Status(http.StatusNotFound)
	s.Nobody().Post("/api/v1/auth/refresh", token(user.Session.RefreshToken)).Status(http.StatusOK)
	key := createKey(user, map[string]any{"name": "Editor"})
	program := s.Nobody()
	program.Token = key.Key
	program.Get("/api/v1/models").Status(http.StatusOK)
	program.Get("/api/v1/conversations?q=" + key.Key).Status(http.StatusOK)
	program.Get("/" + key.Key).Status(http.StatusNotFound)
	program.Token += "X"
	program.Get("/api/v1/models").Status(http.StatusUnauthorized)
	if numbers := program.Get("/metrics").Bytes; bytes.Contains(numbers, []byte(key.Prefix)) {
		t.Error("the metrics hold an API key")
	}
	s.Stop()

	text := kept.String()
	for _, hidden := range slices.Concat(sessions, []string{secret, ticket, "a long password", "secret-key", user.Session.User.Email, key.Prefix}) {
		if at := strings.Index(text, hidden); at >= 0 {
			t.Errorf("%q is in the log: …%s…", hidden, text[max(0, at-200):min(len(text), at+100)])
		}
	}
	if !strings.Contains(text, `"apiKey":"`+key.ID+`"`) {
		t.Error("the log does not name the key that was used")
	}
	if !strings.Contains(text, "the journal is written") || !strings.Contains(text, "generation ended early") {
		t.Error("the log is not the service's")
	}
}

func TestLogsTellEachRequestOnceWithItsID(t *testing.T) {
	t.Parallel()
	kept := new(journal)
	s := apitest.Start(t, apitest.Options{Log: kept.handler()})
	user := s.User()
	conversation := user.Conversation()
	user.Get("/api/v1/conversations/"+conversation.ID, "X-Request-Id: found").Status(http.StatusOK)
	user.Get("/api/v1/nothing", "X-Request-Id: lost").Status(http.StatusNotFound)
	s.Router.Script(llmtest.ErrorStatus(500, "Oh no.", ""))
	user.Post("/api/v1/conversations/"+conversation.ID+"/messages", map[string]any{"content": "Hi"},
		"Accept: application/json", "X-Request-Id: failed").Status(http.StatusBadGateway)
	s.Stop()

	requests := make(map[any]map[string]any)
	var others []any
	for _, line := range kept.lines(t) {
		switch {
		case line["request"] == nil:
			t.Errorf("a line without the id of its request: %v", line)
		case line["msg"] != "request":
			others = append(others, line["request"])
		case requests[line["request"]] != nil:
			t.Errorf("a second line for %v", line["request"])
		default:
			requests[line["request"]] = line
		}
	}
	for id, want := range map[string]string{
		"found":  "GET /api/v1/conversations/:id 200",
		"failed": "POST /api/v1/conversations/:id/messages 502",
	} {
		line := requests[id]
		if got := fmt.Sprint(line["method"], " ", line["route"], " ", line["status"]); got != want || line["user"] != user.Session.User.ID || line["duration"] == nil {
			t.Errorf("%s: %v", id, line)
		}
	}
	if line := requests["lost"]; line == nil || line["status"] != float64(http.StatusNotFound) {
		t.Errorf("lost: %v", line)
	}
	// What the request has begun and goes on without it tells its id too.
	if len(requests) != 5 || !slices.Equal(others, []any{"failed"}) {
		t.Errorf("%d requests, and lines of %v", len(requests), others)
	}
}

func TestLogsTellAFaultOfOursAndTheCallerNothing(t *testing.T) {
	t.Parallel()
	kept := new(journal)
	s := apitest.Start(t, apitest.Options{Log: kept.handler(), Change: func(server *api.Server) {
		server.Models.Cache = nil // makes the handler panic
	}})
	reply := s.User().Get("/api/v1/models", "X-Request-Id: broken").Status(http.StatusInternalServerError)
	if !bytes.Contains(reply.Bytes, []byte(`"code":"internal"`)) || bytes.Contains(reply.Bytes, []byte("nil")) {
		t.Errorf("the caller is told %s", reply.Bytes)
	}
	s.Stop()
	for _, line := range kept.lines(t) {
		if line["level"] == "ERROR" && line["request"] == "broken" && strings.Contains(fmt.Sprint(line["error"]), "nil pointer") {
			return
		}
	}
	t.Error("the cause is not in the log")
}
