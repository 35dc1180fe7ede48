package chat

import (
	"context"
	"iter"
)

// Provider makes answers: one server that language models are reached through.
// Implementations are safe for concurrent use.
type Provider interface {
	// Complete asks for an answer and yields it piece by piece. Cancelling ctx
	// closes the connection to the provider. The sequence ends after a Delta
	// with a FinishReason and, if the provider tells it, one with Usage; or
	// with one error, which is a *problem.Error of an Upstream kind (or
	// the cause of ctx). An end without a finish reason is an error.
	// Text is always valid UTF-8: a rune that arrives in two pieces is yielded
	// whole.
	Complete(ctx context.Context, request Request) iter.Seq2[Delta, error]
}

// Providers finds a provider by the name that [Model].Provider holds.
type Providers map[string]Provider

// Request is what a provider is asked.
type Request struct {
	// ModelID is the provider's name for the model.
	ModelID  string
	Messages []Turn
	// Temperature and MaxTokens are left to the provider when nil.
	Temperature *float64
	MaxTokens   *int
	// Session groups the requests of one conversation, so that a provider can
	// reuse what it has cached; empty for none.
	Session string
	// Raw is passed on in place of Messages, Temperature and MaxTokens, and the
	// deltas then hold what comes back as it came; nil for none.
	Raw *Raw
}

// Turn is one message of the history that a model is shown.
type Turn struct {
	Role    Role
	Content string
	// ReasoningDetails is what the provider told of the turn in a Delta, a JSON
	// list; empty for none.
	ReasoningDetails string
}

// Delta is one piece of an answer. Only what is told is set.
type Delta struct {
	Text      string
	Reasoning string
	// CallsTool tells that the model has begun to call a tool, of which nothing more
	// is told.
	CallsTool bool
	// GenerationID is the provider's name for the generation; it comes first.
	GenerationID string
	// Model is the model that answers, if it is told.
	Model string
	// FinishReason is one of FinishStop, FinishLength, FinishContentFilter or
	// another word of the provider.
	FinishReason string
	Usage        *Usage
	// ReasoningDetails is a JSON list that the provider wants back, unchanged, with
	// the turn of this answer. It is told of an answer that came to its end.
	ReasoningDetails string
	// ToolCalls are calls, or pieces of them, that the model wants to be made.
	ToolCalls []ToolCall
	// Raw is what the provider sent, if the Request has a Raw: one chunk, without a
	// line break, or the whole answer of a request that does not stream. The first
	// one tells that the model has begun to answer. It holds until the next Delta.
	Raw []byte
}

// isName tells whether a delta tells the provider's name for the generation, and
// nothing else.
func (d *Delta) isName() bool {
	return d.GenerationID != "" && d.Text == "" && d.Reasoning == "" && !d.CallsTool && d.Model == "" && d.FinishReason == "" &&
		d.Usage == nil && d.ReasoningDetails == "" && d.Raw == nil
}

// Usage is what an answer took.
type Usage struct {
	PromptTokens     int `json:"promptTokens"`
	CompletionTokens int `json:"completionTokens"`
	ReasoningTokens  int `json:"reasoningTokens"`
	TotalTokens      int `json:"totalTokens"`
	// Cost is an exact decimal in USD; nil when the provider does not tell.
	Cost *string `json:"-"`
}
