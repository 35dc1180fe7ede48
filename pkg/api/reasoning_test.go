package api_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/problem"
)

func details(list string) llmtest.Step {
	return llmtest.Chunk(`{"choices":[{"index":0,"delta":{"reasoning_details":` + list + `}}]}`)
}

// OpenRouter gets back what it told of a model's reasoning, unchanged, with the turn
// of the answer; the reader is told its text alone.
func TestReasoningDetailsGoBack(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		s.Router.Script(
			details(`[{"type":"reasoning.text","text":"H\u00e9 <","format":"anthropic-claude-v1","index":0}]`),
			details(`[{"type":"reasoning.text","text":"m","index":0},{"type":"reasoning.encrypted","data":"gAAA","index":1}]`),
			details(`[{"type":"reasoning.text","signature":"sig==","index":0}]`),
			llmtest.Text("Yes."), llmtest.Finish("stop"), llmtest.Done())
		user := s.User()
		conversation := user.Conversation()
		answer := user.Ask(conversation.ID, "Why?").Message
		if answer.Reasoning != "Hé <m" || answer.Content != "Yes." {
			t.Errorf("answered: %+v", answer)
		}
		for _, path := range []string{"/api/v1/messages/" + answer.ID, "/api/v1/conversations/" + conversation.ID + "/messages"} {
			if told := user.Get(path).Status(http.StatusOK); bytes.Contains(told.Bytes, []byte("sig==")) {
				t.Errorf("%s tells %s", path, told.Bytes)
			}
		}
		user.Ask(conversation.ID, "So?")
		const back = `{"role":"assistant","content":"Yes.","reasoning_details":[{"type":"reasoning.text","text":"H\u00e9 \u003cm",` +
			`"format":"anthropic-claude-v1","index":0,"signature":"sig=="},{"type":"reasoning.encrypted","data":"gAAA","index":1}]}`
		if sent := string(lastSent(s)); !strings.Contains(sent, back) {
			t.Errorf("sent: %s", sent)
		}
		// Another model cannot read them.
		user.Post("/api/v1/conversations/"+conversation.ID+"/messages", map[string]any{"content": "And?", "modelId": second},
			"Accept: application/json").Status(http.StatusCreated)
		if sent := string(lastSent(s)); strings.Contains(sent, "reasoning_details") {
			t.Errorf("sent: %s", sent)
		}
		// A fork goes on as its original would.
		fork := apitest.Decode[chat.Conversation](user.Post("/api/v1/conversations/"+conversation.ID+"/fork",
			map[string]any{"messageId": answer.ID}).Status(http.StatusCreated))
		user.Ask(fork.ID, "So?")
		if sent := string(lastSent(s)); !strings.Contains(sent, back) {
			t.Errorf("the fork sent: %s", sent)
		}
	})
}

// Details of an answer that broke off may lack their signature.
func TestReasoningDetailsOfABrokenAnswerAreNotKept(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	s.Router.Script(details(`[{"type":"reasoning.text","text":"Hm","index":0}]`), llmtest.Text("Half"), llmtest.Cut())
	user := s.User()
	conversation := user.Conversation()
	user.Post("/api/v1/conversations/"+conversation.ID+"/messages", map[string]any{"content": "Why?"},
		"Accept: application/json").Problem(problem.Upstream)
	user.Ask(conversation.ID, "So?")
	if got := turnsOf(t, lastSent(s)); got != "user: Why?; assistant: Half; user: So?; " || bytes.Contains(lastSent(s), []byte("reasoning_details")) {
		t.Errorf("sent: %s", lastSent(s))
	}
}
