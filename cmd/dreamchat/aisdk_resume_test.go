package main_test

import (
	"net/http"
	"slices"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm/llmtest"
)

// half asks a question and waits for half of its answer. Close goOn for the rest.
func (s *aiTrial) half(held *aiChat) (whole string, goOn chan struct{}) {
	s.t.Helper()
	question := s.asks("Hi")
	first, second := phrases(20), phrases(30)
	goOn = make(chan struct{})
	s.plan(question, slices.Concat(flow("reasoning", first, 11, 0), flow("content", first, 13, 0),
		[]llmtest.Step{llmtest.Wait(goOn)}, flow("content", second, 17, 0), finish()))
	held.begin("sendMessage", says(question))
	held.until(first)
	return first + second, goOn
}

// holds fails the test unless the chat holds the question with its answer, once.
func (s *aiTrial) holds(state aiState, text string) {
	s.t.Helper()
	state.equals(s.t, s.onA, "ready")
	if len(state.Messages) != 2 || state.last().text("text") != text {
		s.t.Errorf("the chat holds %+v", state.Messages)
	}
	if n := len(s.asked(s.asks("Hi"))); n != 1 {
		s.t.Errorf("the provider was asked %d times", n)
	}
}

func (s *aiTrial) aborted() {
	held := s.on(s.a.URL)
	whole, goOn := s.half(held)
	state := held.do("stop")
	if state.Status != "ready" || !state.Ends[0].IsAbort {
		s.t.Errorf("after the abort the chat is %s: %+v", state.Status, state.Ends)
	}
	answer := state.last().ID
	close(goOn)
	eventually(s.t, "the answer goes on to its end", func() bool { return s.onB.message(answer).Status == chat.StatusComplete })
	s.holds(held.do("resumeStream"), whole)
}

func (s *aiTrial) stopped() {
	held := s.on(s.a.URL)
	_, goOn := s.half(held)
	defer close(goOn)
	before := held.until(phrases(20))
	s.onB.reply(http.StatusAccepted, http.MethodPost, "/api/v1/messages/"+before.last().ID+"/stop", nil)
	state := held.settle()
	s.holds(state, phrases(20))
	if got := s.onA.message(state.last().ID); got.Status != chat.StatusStopped || state.last().Metadata["finishReason"] != "stopped" {
		s.t.Errorf("the answer is %s, the chat holds %v", got.Status, state.last().Metadata)
	}
}

// cut breaks the connection off. The SDK must not take that for the end.
func (s *aiTrial) cut(held *aiChat) {
	s.t.Helper()
	s.gate.Shut()
	if state := held.settle(); state.Status != "error" || !state.Ends[0].IsError {
		s.t.Errorf("when it is cut off, the chat is %s: %+v", state.Status, state.Ends)
	}
	s.gate.Open()
}

func (s *aiTrial) cutOff() {
	held := s.on(s.gated())
	whole, goOn := s.half(held)
	s.cut(held)
	held.begin("resumeStream")
	close(goOn)
	s.holds(held.settle(), whole)
}

func (s *aiTrial) late() {
	held := s.on(s.gated())
	whole, goOn := s.half(held)
	s.cut(held)
	close(goOn)
	answer := s.onA.latest(s.chat)
	eventually(s.t, "the answer is whole", func() bool { return s.onA.message(answer).Status == chat.StatusComplete })
	s.holds(held.do("resumeStream"), whole)
}

// latest is the answer that was begun last in a chat.
func (c *client) latest(clientID string) string {
	c.tb.Helper()
	for _, conversation := range c.list().Data {
		if conversation.ClientID == clientID {
			stored := c.messages(conversation.ID)
			return stored[len(stored)-1].ID
		}
	}
	c.tb.Fatalf("there is no chat %s", clientID)
	return ""
}

// elsewhere opens the chat anew on another instance, as a page that is loaded
// again does: with the messages that the server shows.
func (s *aiTrial) elsewhere() {
	held := s.on(s.a.URL)
	whole, goOn := s.half(held)
	options := s.onA.options(s.b.URL, s.chat)
	options["messages"], options["resume"] = held.until(phrases(20)).Messages, true
	anew := s.open(options)
	anew.until(phrases(20))
	close(goOn)
	anew.until(whole)
	s.holds(anew.state("status", "ready"), whole)
	s.holds(held.settle(), whole)
}

func (s *aiTrial) nothing() {
	options := s.onA.options(s.a.URL, s.chat)
	options["resume"] = true
	held := s.open(options)
	state := held.do("resumeStream")
	if state.Status != "ready" || state.Error != "" || len(state.Messages) > 0 {
		s.t.Errorf("with nothing to resume the chat is %s: %s", state.Status, state.Error)
	}
	s.onA.reply(http.StatusNoContent, http.MethodGet, "/api/v1/ai/chat/"+s.chat+"/stream", nil)
	state = held.do("sendMessage", says(s.asks("Hi")))
	state.equals(s.t, s.onA, "ready")
}

// again opens the chat on the other instance and sends the same message, by its id.
func (s *aiTrial) again() {
	held := s.on(s.a.URL)
	whole, goOn := s.half(held)
	sent := held.until(phrases(20)).Messages[0]
	anew := s.open(s.onA.options(s.b.URL, s.chat))
	anew.begin("sendMessage", map[string]any{"id": sent.ID, "role": "user", "parts": sent.Parts})
	anew.until(phrases(20))
	close(goOn)
	s.holds(anew.settle(), whole)
	s.holds(held.settle(), whole)
}
