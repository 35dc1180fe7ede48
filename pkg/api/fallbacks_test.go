package api_test

import (
	"net/http"
	"testing"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/problem"
)

func TestWhoNamesTheFallbacks(t *testing.T) {
	t.Parallel()
	s := retrying(t, 1, "no/such-model", second)
	user := s.User()
	conversation := user.Conversation()
	path := "/api/v1/conversations/" + conversation.ID + "/messages"
	refused := func() { s.Router.Script(llmtest.ErrorStatus(http.StatusBadRequest, "No.", "")) }
	send := func(body map[string]any) *apitest.Reply {
		body["content"] = "Hi"
		return user.Post(path, body, "Accept: application/json")
	}
	refused()
	settings := apitest.Decode[apitest.Exchange](send(map[string]any{}).Status(http.StatusCreated)).Message
	refused()
	request := apitest.Decode[apitest.Exchange](send(map[string]any{"fallbackModels": []string{third}}).Status(http.StatusCreated)).Message
	refused()
	again := apitest.Decode[apitest.Exchange](user.Post("/api/v1/messages/"+request.ID+"/regenerate",
		map[string]any{"fallbackModels": []string{third}}, "Accept: application/json").Status(http.StatusCreated)).Message
	if settings.ModelID != second || request.ModelID != third || again.ModelID != third {
		t.Errorf("the settings' fallback is %s, the request's %s and %s", settings.ModelID, request.ModelID, again.ModelID)
	}
	refused()
	send(map[string]any{"fallbackModels": []string{}}).Problem(problem.UpstreamRejected)
}

func TestBadFallbacks(t *testing.T) {
	t.Parallel()
	s := retrying(t, 1)
	user := s.User()
	path := "/api/v1/conversations/" + user.Conversation().ID + "/messages"
	send := func(fallbacks any, headers ...string) *apitest.Reply {
		return user.Post(path, map[string]any{"content": "Hi", "fallbackModels": fallbacks}, headers...)
	}
	if told := send([]string{second, "no/such-model"}).Problem(problem.UnknownModel); told.Details["model"] != "no/such-model" {
		t.Errorf("told: %+v", told)
	}
	for pointer, fallbacks := range map[string]any{
		"/fallbackModels":   []string{"a", "b", "c", "d", "e", "f"},
		"/fallbackModels/1": []string{second, ""},
	} {
		if told := send(fallbacks).Problem(problem.Invalid); len(told.Errors) != 1 || told.Errors[0].Pointer != pointer {
			t.Errorf("%v: %+v", fallbacks, told.Errors)
		}
	}
	if told := send("all of them").Problem(problem.Invalid); told.Errors[0].Detail != "must be a list of strings" {
		t.Errorf("told: %+v", told.Errors)
	}
	send([]string{second}, "Idempotency-Key: k", "Accept: application/json").Status(http.StatusCreated)
	if send([]string{second}, "Idempotency-Key: k", "Accept: application/json").Status(http.StatusCreated).Header.Get("Idempotency-Replayed") != "true" {
		t.Error("the same request is not known again")
	}
	send([]string{third}, "Idempotency-Key: k").Problem(problem.KeyReused)
}
