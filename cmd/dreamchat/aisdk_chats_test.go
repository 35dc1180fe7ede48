package main_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/id"
	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/servertest"
)

// messages are those that stand in a conversation, oldest first.
func (c *client) messages(conversationID string) []storedMessage {
	c.tb.Helper()
	page := want[chat.MessagePage](c, http.StatusOK, http.MethodGet, "/api/v1/conversations/"+conversationID+"/messages?order=asc", nil)
	all := make([]storedMessage, len(page.Data))
	for i, message := range page.Data {
		all[i] = storedMessage{message}
	}
	return all
}

// aiTrial is one scenario of chats of the AI SDK.
type aiTrial struct {
	*pair
	*aiNode
	t *testing.T
	// chat is the client's id of the scenario's chat.
	chat string
	// gate stands before the first instance.
	gate *servertest.Gate
}

// asks is a question that no other scenario asks.
func (s *aiTrial) asks(text string) string { return text + " " + s.chat }

func (s *aiTrial) on(base string) *aiChat {
	s.t.Helper()
	return s.open(s.onA.options(base, s.chat))
}

func (s *aiTrial) gated() string { return "http://" + s.gate.Addr() }

// The messages that the SDK holds in the end are those that the server holds,
// whatever happened on the way.
func TestChatsOfTheAISDK(t *testing.T) {
	t.Parallel()
	p := newPair(t, "TITLES=false")
	scenarios := map[string]func(*aiTrial){
		"two turns": (*aiTrial).twoTurns, "errors": (*aiTrial).errors, "aborted": (*aiTrial).aborted, "stopped": (*aiTrial).stopped,
		"cut off": (*aiTrial).cutOff, "on the other instance": (*aiTrial).elsewhere, "just after the end": (*aiTrial).late,
		"nothing to resume": (*aiTrial).nothing, "made anew": (*aiTrial).anew, "edited": (*aiTrial).edited, "sent again": (*aiTrial).again,
	}
	for name, major := range map[string]string{"svelte-3": "5.", "svelte-4": "6.", "svelte-5": "7.", "react": "7."} {
		t.Run(name, func(t *testing.T) {
			node := startAISDK(t, name)
			var version string
			node.call("version", map[string]any{}, &version)
			if !strings.HasPrefix(version, major) {
				t.Fatalf("this is ai %s, want %s", version, major)
			}
			for name, scenario := range scenarios {
				t.Run(name, func(t *testing.T) {
					scenario(&aiTrial{
						pair: p, aiNode: node.in(t), t: t, chat: "chat-" + id.New(),
						gate: servertest.NewGate(t, strings.TrimPrefix(p.a.URL, "http://")),
					})
				})
			}
		})
	}
}

func (s *aiTrial) twoTurns() {
	first, second := s.asks("First"), s.asks("Second")
	s.plan(first, slices.Concat([]llmtest.Step{llmtest.Reasoning("Let me", " see.")}, flow("content", phrase, 5, 0), finish()))
	s.plan(second, []llmtest.Step{llmtest.Answer("Two.")})
	held := s.on(s.a.URL)
	state := held.do("sendMessage", says(first))
	state.equals(s.t, s.onA, "ready")
	if got := state.last(); got.text("reasoning") != "Let me see." || got.text("text") != phrase {
		s.t.Errorf("the chat holds %+v", got)
	}
	state = held.do("sendMessage", says(second), map[string]any{"body": map[string]any{"temperature": 0.1, "modelId": "openai/gpt-4o-mini"}})
	state.equals(s.t, s.onB, "ready")
	if got := state.last(); got.text("text") != "Two." || got.Metadata["model"] != "openai/gpt-4o-mini" || state.Ends[1].FinishReason != "stop" {
		s.t.Errorf("the chat holds %+v, %+v", got, state.Ends)
	}
	s.wantAsked(second, state.Messages[0].text("text"), phrase, second)
}

// wantAsked fails the test unless the provider was shown these turns.
func (s *aiTrial) wantAsked(question string, contents ...string) {
	s.t.Helper()
	exchanges := s.asked(question)
	var body struct {
		Model       string
		SessionID   string `json:"session_id"`
		Stream      bool
		Temperature float64
		Messages    []struct{ Role, Content string }
	}
	if err := json.Unmarshal(exchanges[0].Body, &body); err != nil || len(exchanges) != 1 {
		s.t.Fatalf("the provider was asked %d times, %v", len(exchanges), err)
	}
	var got []string
	for i, turn := range body.Messages {
		if want := []string{"user", "assistant"}[i%2]; turn.Role != want {
			s.t.Errorf("turn %d is of %s", i, turn.Role)
		}
		got = append(got, turn.Content)
	}
	conversation := s.onA.message(s.onA.latest(s.chat)).ConversationID
	if !slices.Equal(got, contents) || body.Model != "openai/gpt-4o-mini" || body.Temperature != 0.1 || !body.Stream || body.SessionID != conversation {
		s.t.Errorf("the provider is asked %s", exchanges[0].Body)
	}
}

func (s *aiTrial) errors() {
	before, after := s.asks("Before"), s.asks("After")
	s.plan(before, []llmtest.Step{llmtest.ErrorStatus(401, "sk-or-secret is wrong", "")})
	s.plan(after, []llmtest.Step{llmtest.Text("Ha", "lf"), llmtest.ErrorChunk("502", "down")})
	held := s.on(s.a.URL)
	state := held.do("sendMessage", says(before))
	state.equals(s.t, s.onA, "error")
	if len(state.last().Parts) > 1 || state.last().Metadata["code"] != "upstream_auth" || strings.Contains(state.Error, "sk-or") {
		s.t.Errorf("the chat holds %+v, %s", state.last(), state.Error)
	}
	state = held.do("sendMessage", says(after))
	state.equals(s.t, s.onA, "error")
	if state.last().text("text") != "Half" || state.Error != state.last().Metadata["message"] {
		s.t.Errorf("the chat holds %+v, %s", state.last(), state.Error)
	}
	// Nothing was sent when the model is refused, and its place is free.
	state = held.do("sendMessage", says(s.asks("Whom?")), map[string]any{"body": map[string]any{"modelId": "no/such"}})
	if state.Status != "error" || !strings.Contains(state.Error, "model_not_found") {
		s.t.Errorf("the chat is %s: %s", state.Status, state.Error)
	}
	state = held.do("regenerate")
	state.equals(s.t, s.onA, "ready")
}

func (s *aiTrial) anew() {
	question := s.asks("Hi")
	held := s.on(s.a.URL)
	held.do("sendMessage", says(s.asks("Earlier")))
	for i, text := range []string{"One.", "Two.", "Three."} {
		s.plan(question, []llmtest.Step{llmtest.Answer(text)})
		var state aiState
		switch i {
		case 0:
			state = held.do("sendMessage", says(question))
		case 1:
			state = held.do("regenerate")
		default:
			newest := held.settle()
			state = held.do("regenerate", map[string]any{"messageId": newest.last().ID})
		}
		state.equals(s.t, s.onB, "ready")
		if len(state.Messages) != 4 || state.last().text("text") != text {
			s.t.Errorf("the chat holds %+v", state.Messages)
		}
	}
}

func (s *aiTrial) edited() {
	held := s.on(s.a.URL)
	first := held.do("sendMessage", says(s.asks("First")))
	held.do("sendMessage", says(s.asks("Second")))
	edit := says(s.asks("Better"))
	edit["messageId"] = first.Messages[0].ID
	state := held.do("sendMessage", edit)
	state.equals(s.t, s.onA, "ready")
	if len(state.Messages) != 2 || state.Messages[0].text("text") != edit["text"] {
		s.t.Errorf("the chat holds %+v", state.Messages)
	}
	third := held.do("sendMessage", says(s.asks("Third")))
	third.equals(s.t, s.onA, "ready")
}
