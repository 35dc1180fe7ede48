package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"dreamchat/pkg/api"
	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/problem"
)

// turnsOf lists the turns of a request to the provider.
func turnsOf(t *testing.T, body []byte) string {
	t.Helper()
	var request struct {
		Messages []struct{ Role, Content string }
	}
	if err := json.Unmarshal(body, &request); err != nil {
		t.Fatal(err)
	}
	told := ""
	for _, turn := range request.Messages {
		told += turn.Role + ": " + turn.Content + "; "
	}
	return told
}

// windows has the models' windows be so many tokens.
func windows(t *testing.T, s *apitest.Service, tokens map[string]int) {
	t.Helper()
	err := s.Store.ChangeModels(t.Context(), func(stored []chat.Model) (changed []chat.Model, err error) {
		for _, model := range stored {
			if window, ok := tokens[model.ID]; ok {
				model.ContextLength = window
				changed = append(changed, model)
			}
		}
		return changed, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Server.Models.Cache.Advance(t.Context())
}

// lastSent is the body of the newest request to the provider.
func lastSent(s *apitest.Service) []byte {
	exchanges := s.Router.Exchanges()
	return exchanges[len(exchanges)-1].Body
}

// contextOf is what an answer tells of messages that its model was not shown.
func contextOf(message chat.Message) string {
	told, _ := message.Metadata["context"].(map[string]any)
	return fmt.Sprint(told["messages"], " ", told["dropped"])
}

func TestHistoryIsTrimmedToTheWindow(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		windows(t, s, map[string]int{apitest.Model: 400})
		user := s.User()
		conversation := user.Conversation()
		path := "/api/v1/conversations/" + conversation.ID + "/messages"
		send := func(content string) chat.Message {
			s.Router.Script(llmtest.Answer("Yes."))
			body := map[string]any{"content": content, "maxTokens": 100}
			return apitest.Decode[apitest.Exchange](user.Post(path, body, "Accept: application/json").Status(http.StatusCreated)).Message
		}
		// 300 tokens are 900 bytes: three questions with their answers and a fourth one.
		word := func(letter string) string { return strings.Repeat(letter, 200) }
		for i, letter := range []string{"a", "b", "c", "d"} {
			answer := send(word(letter))
			if contextOf(answer) != "<nil> <nil>" {
				t.Errorf("question %d: context %s", i, contextOf(answer))
			}
		}
		answer := send(word("e"))
		want := ""
		for _, letter := range []string{"c", "d"} {
			want += "user: " + word(letter) + "; assistant: Yes.; "
		}
		want += "user: " + word("e") + "; "
		if got := turnsOf(t, lastSent(s)); got != "user: "+word("b")+"; assistant: Yes.; "+want {
			t.Errorf("sent were %s", got)
		}
		if contextOf(answer) != "7 2" || contextOf(stored(user, answer.ID)) != "7 2" {
			t.Errorf("context %s, %v", contextOf(answer), answer.Metadata)
		}
		// Another version leaves the first one out, which is not dropped.
		s.Router.Script(llmtest.Answer("No."))
		again := apitest.Decode[apitest.Exchange](user.Post("/api/v1/messages/"+answer.ID+"/regenerate",
			map[string]any{"maxTokens": 100}, "Accept: application/json").Status(http.StatusCreated)).Message
		if contextOf(again) != "7 2" {
			t.Errorf("context %s of another version", contextOf(again))
		}
		// The newest question goes however long it is.
		answer = send(strings.Repeat("what? ", 500))
		if got := turnsOf(t, lastSent(s)); got != "user: "+strings.Repeat("what? ", 500)+"; " || contextOf(answer) != "1 10" {
			t.Errorf("sent were %s, context %s", got, contextOf(answer))
		}
		if !strings.Contains(string(lastSent(s)), `"max_tokens":100,`) {
			t.Errorf("sent: %s", lastSent(s))
		}
	})
}

// A fallback is shown what fits its own window, and what it drops is told.
func TestFallbackHasAWindowOfItsOwn(t *testing.T) {
	t.Parallel()
	s := patiently(retrying(t, 1, second))
	user := s.User()
	conversation := user.Conversation()
	user.Ask(conversation.ID, strings.Repeat("a", 3000))
	ask := func(first, fallback int) chat.Message {
		windows(t, s, map[string]int{apitest.Model: first, second: fallback})
		s.Router.Script(llmtest.ErrorStatus(http.StatusBadRequest, "No.", ""))
		return user.Ask(conversation.ID, "b").Message
	}
	small := ask(100_000, 1000)
	if got := turnsOf(t, lastSent(s)); got != "user: b; " || contextOf(small) != "1 2" || small.ModelID != second {
		t.Errorf("sent were %.100s, context %s", got, contextOf(small))
	}
	large := ask(1000, 100_000)
	if got := turnsOf(t, lastSent(s)); !strings.HasPrefix(got, "user: aaa") || contextOf(large) != "<nil> <nil>" {
		t.Errorf("sent were %.100s, context %s", got, contextOf(large))
	}
}

// The room that is asked for the answer never makes a request that cannot fit.
func TestTheAnswerFitsTheWindow(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	windows(t, s, map[string]int{apitest.Model: 4096})
	user := s.User()
	user.Ask(user.Conversation().ID, strings.Repeat("x", 3000-12)) // a thousand tokens, as estimated
	if !strings.Contains(string(lastSent(s)), `"max_tokens":3096,`) {
		t.Errorf("sent: %.4000s", lastSent(s))
	}
}

func TestQuestionThatCannotFitTheWindow(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Change: func(server *api.Server) { server.Models.Fallbacks = []string{second} }})
	windows(t, s, map[string]int{apitest.Model: 2048})
	user := s.User()
	conversation := user.Conversation()
	path := "/api/v1/conversations/" + conversation.ID + "/messages"
	body := map[string]any{"content": strings.Repeat("no way ", 7_000)}
	told := user.Post(path, body).Problem(problem.TooLarge)
	if told.Details["model"] != apitest.Model || told.Details["contextLength"] != 2048.0 || !strings.Contains(told.Detail, "2048") {
		t.Errorf("told: %+v", told)
	}
	if page := pageOf(user, path); len(page.Data) != 0 || len(s.Router.Exchanges()) != 0 {
		t.Errorf("%d messages are stored, %d requests sent", len(page.Data), len(s.Router.Exchanges()))
	}
	body["modelId"] = second // has the room
	user.Post(path, body, "Accept: application/json").Status(http.StatusCreated)
}
