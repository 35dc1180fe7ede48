package main_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"dreamchat/pkg/id"
)

// In a browser the SDK knows when a connection broke off, and keeps what it has:
// coming back must not double it. ai 5 goes on behind that with what is replayed,
// so there a chat is opened anew.
func TestChatsOfTheAISDKThatAreCutOffAgainAndAgain(t *testing.T) {
	t.Parallel()
	p := newPair(t, "TITLES=false")
	seed := cutSeed(t)
	for i, name := range []string{"svelte-3", "svelte-4", "svelte-5", "react"} {
		t.Run(name, func(t *testing.T) {
			s := &aiTrial{pair: p, aiNode: startAISDK(t, name), t: t, chat: "chat-" + id.New()}
			cuts := newTally(1)
			cutter := cut(t, seed, uint64(i), cuts, p.a.URL, p.b.URL)
			question, text := s.asks("Hi"), phrases(60)
			s.plan(question, slices.Concat(flow("reasoning", text, 40, 2*time.Millisecond), flow("content", text, 40, 2*time.Millisecond), finish()))
			options := s.onA.options(cutter.URL, s.chat)
			options["browser"] = true
			held := s.open(options)
			state := held.do("sendMessage", says(question))
			for deadline := time.Now().Add(limit); state.Status != "ready" || len(state.Messages) < 2; {
				if time.Now().After(deadline) {
					t.Fatalf("the chat is %s (%s) with %d messages", state.Status, state.Error, len(state.Messages))
				}
				state = s.comeBack(&held, options, state, strings.HasSuffix(name, "3"))
			}
			state.equals(t, s.onA, "ready")
			if got := state.last(); len(state.Messages) != 2 || got.text("text") != text || got.text("reasoning") != text {
				t.Errorf("the chat holds %+v", state.Messages)
			}
			if n := len(s.asked(question)); n != 1 {
				t.Errorf("the provider was asked %d times", n)
			}
			t.Logf("%d cuts", cuts.total())
		})
	}
}

// comeBack resumes, or sends the question again if no answer has begun.
func (s *aiTrial) comeBack(held **aiChat, options map[string]any, state aiState, anew bool) aiState {
	s.t.Helper()
	if anew {
		options["messages"] = state.Messages
		*held = s.open(options)
	}
	if len(state.Messages) < 2 {
		return (*held).do("sendMessage")
	}
	return (*held).do("resumeStream")
}
