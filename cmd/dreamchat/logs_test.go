package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/llm/llmtest"
)

// A question and answers that must not be found in any log.
const (
	question = "Wherefore art thou"
	answer   = "Deny thy father"
)

func TestLogLinesTellEachRequestAndNoSecret(t *testing.T) {
	t.Parallel()
	at, router := onServers(t), llmtest.New(t)
	server := at.start(t, append(openRouter(router), "LOG_FORMAT=json", "LOG_LEVEL=debug")...)
	user, secrets := play(t, server, router)
	server.stop()

	wantNone(t, server, append(secrets, secretsOf(t, at)...))
	type line struct {
		Time, Level, Msg, Request, Method, Route, User string
		Status                                         int
		Duration                                       *int64
	}
	requests := map[string]line{}
	for text := range strings.Lines(server.stderr.String()) {
		var got line
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Errorf("not JSON: %s", text)
			continue
		}
		if got.Msg != "request" {
			continue
		}
		if got.Time == "" || got.Level != "INFO" || got.Request == "" || got.Method == "" || got.Status == 0 || got.Duration == nil {
			t.Errorf("the line of a request lacks something: %s", text)
		}
		requests[fmt.Sprintf("%s %s %d", got.Method, got.Route, got.Status)] = got
	}
	for _, request := range []string{
		"GET /api/v1/auth/me 200", "POST /api/v1/conversations/:id/messages 200", "POST /api/v1/conversations/:id/messages 400",
		"GET /api/v1/messages/:id/events 204", "PATCH /api/v1/conversations/:id 422", "POST /api/v1/chat/completions 200",
	} {
		if got := requests[request]; got.User != user.session.User.ID {
			t.Errorf("%s: %+v", request, got)
		}
	}
	if got := requests["GET /api/v1/auth/me 200"]; got.Request != "my-own-id" {
		t.Errorf("the request's id is %q", got.Request)
	}
}

func TestLogLinesAreTextUnlessToldOtherwise(t *testing.T) {
	t.Parallel()
	at, router := onSQLite(t), llmtest.New(t)
	server := at.start(t, append(openRouter(router), "LOG_LEVEL=debug")...)
	user, secrets := play(t, server, router)
	server.stop()

	wantNone(t, server, append(secrets, "sk-or-secret"))
	for _, part := range []string{"level=INFO msg=request method=GET route=/api/v1/auth/me status=200 duration=", "user=" + user.session.User.ID + " request=my-own-id\n"} {
		if !strings.Contains(server.stderr.String(), part) {
			t.Errorf("%q is not in\n%s", part, server.stderr.String())
		}
	}
}

// play does everything in which there is a secret, and returns the secrets.
func play(t *testing.T, server *process, router *llmtest.Router) (*client, []string) {
	t.Helper()
	user := server.register("ada")
	user.reply(http.StatusOK, http.MethodGet, "/api/v1/auth/me", nil, "X-Request-Id: my-own-id")
	server.nobody().reply(http.StatusUnauthorized, http.MethodPost, "/api/v1/auth/login",
		map[string]string{"username": "ada", "password": password + "!"})

	conversation := user.conversation()
	messages := "/api/v1/conversations/" + conversation.ID + "/messages"
	router.Script(llmtest.Answer(answer))
	last := user.ask(conversation.ID, question).until("stream_complete")
	router.Script(llmtest.Text(answer), llmtest.ErrorChunk("502", "refused: "+question))
	user.ask(conversation.ID, question).until("stream_error")
	router.Script(llmtest.ErrorStatus(http.StatusBadRequest, "refused: "+question, ""))
	user.ask(conversation.ID, question).until("stream_error")
	router.Script(llmtest.Text(answer), llmtest.Cut())
	user.ask(conversation.ID, question).until("stream_error")
	user.reply(http.StatusBadRequest, http.MethodPost, messages, map[string]string{"content": question, "contents": answer})
	user.reply(http.StatusUnprocessableEntity, http.MethodPatch, "/api/v1/conversations/"+conversation.ID, map[string]any{"title": []string{question}})
	router.Script(llmtest.Answer(answer))
	user.reply(http.StatusOK, http.MethodPost, "/api/v1/chat/completions",
		map[string]any{"model": llama, "messages": []map[string]string{{"role": "user", "content": question}}})

	ticket := want[struct{ Ticket string }](user, http.StatusCreated, http.MethodPost, "/api/v1/auth/stream-tickets", nil).Ticket
	server.nobody().reply(http.StatusNoContent, http.MethodGet,
		"/api/v1/messages/"+last.Data.MessageID+"/events?ticket="+url.QueryEscape(ticket), nil, "Last-Event-ID: "+last.ID)
	renewed := want[auth.Session](user, http.StatusOK, http.MethodPost, "/api/v1/auth/refresh",
		map[string]string{"refreshToken": user.session.RefreshToken})
	user.reply(http.StatusNoContent, http.MethodPost, "/api/v1/auth/logout", map[string]string{"refreshToken": renewed.RefreshToken})
	return user, []string{
		password, question, answer, ticket, user.session.AccessToken, user.session.RefreshToken,
		renewed.AccessToken, renewed.RefreshToken,
	}
}

// secretsOf are the passwords of the servers, and the provider's key.
func secretsOf(t *testing.T, at installation) []string {
	t.Helper()
	secrets := []string{"sk-or-secret"}
	for _, setting := range at.environment {
		_, address, _ := strings.Cut(setting, "=")
		parsed, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		if secret, ok := parsed.User.Password(); ok && secret != "" {
			secrets = append(secrets, secret)
		}
	}
	return secrets
}

func wantNone(t *testing.T, server *process, secrets []string) {
	t.Helper()
	for _, secret := range secrets {
		for line := range strings.Lines(server.stdout.String() + server.stderr.String()) {
			if strings.Contains(line, secret) {
				t.Errorf("%q is told: %s", secret, line)
			}
		}
	}
}
