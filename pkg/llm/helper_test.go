package llm_test

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"testing"
	"time"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm"
	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/problem"
)

const key = "sk-or-v1-0123456789abcdef0123456789abcdef"

// clientOf returns a client of the router, with a transport of its own.
func clientOf(tb testing.TB, router *llmtest.Router) *llm.Client {
	tb.Helper()
	transport := llm.NewTransport()
	tb.Cleanup(transport.CloseIdleConnections)
	return &llm.Client{
		BaseURL:    router.URL,
		Key:        key,
		HTTP:       &http.Client{Transport: transport},
		Silence:    30 * time.Second,
		OpenRouter: true,
		AppURL:     "https://chat.example",
		AppTitle:   "Dreamchat",
	}
}

// heard is a whole answer, as its deltas told it.
type heard struct {
	text, reasoning, generation, model, finish string
	usage                                      string
	err                                        error
}

func listen(deltas iter.Seq2[chat.Delta, error]) heard {
	var h heard
	for delta, err := range deltas {
		if err != nil {
			if h.err != nil {
				err = fmt.Errorf("a second error: %w", err)
			}
			h.err = err
			continue
		}
		h.text += delta.Text
		h.reasoning += delta.Reasoning
		h.generation += delta.GenerationID
		h.model += delta.Model
		h.finish += delta.FinishReason
		if u := delta.Usage; u != nil {
			cost := "untold"
			if u.Cost != nil {
				cost = *u.Cost
			}
			h.usage += fmt.Sprintf("%d+%d(%d)=%d, %s", u.PromptTokens, u.CompletionTokens, u.ReasoningTokens, u.TotalTokens, cost)
		}
	}
	return h
}

func ask(model, content string) chat.Request {
	return chat.Request{ModelID: model, Messages: []chat.Turn{{Role: chat.RoleUser, Content: content}}}
}

// problemOf fails unless the error is itself a problem.
func problemOf(t *testing.T, err error) *problem.Error {
	t.Helper()
	told, ok := err.(*problem.Error) //nolint:errorlint // the contract is that it is not wrapped
	if !ok {
		t.Fatalf("got %v, want a problem", err)
	}
	return told
}

// soon fails unless the channel is closed within the time given.
func soon(t *testing.T, what string, closed <-chan struct{}, within time.Duration) {
	t.Helper()
	select {
	case <-closed:
	case <-time.After(within):
		t.Errorf("%s: not within %v", what, within)
	}
}

func await(t *testing.T, router *llmtest.Router, n int) *llmtest.Exchange {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	exchange, err := router.Await(ctx, n)
	if err != nil {
		t.Fatal(err)
	}
	return exchange
}
