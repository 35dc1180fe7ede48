package chat

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"
)

// What a question gets when it does not say.
const (
	DefaultTemperature = 0.7
	DefaultMaxTokens   = 4096
)

const (
	// historyLimit bounds the messages that a model is shown.
	historyLimit = 100
	// unknownWindow is taken for a model whose window is not known, in tokens.
	unknownWindow = 8192
	// bytesPerToken errs on the side of a history that is too short.
	bytesPerToken = 3
	// readTimeout bounds how long the history may take to read.
	readTimeout = 5 * time.Second
)

// request is what the provider is asked: the history within the model's window,
// the newest question last.
func (g *Generations) request(ctx context.Context, made *generation) (Request, error) {
	answer := &made.answer
	history, err := g.history(ctx, made)
	if err != nil {
		return Request{}, err
	}
	temperature, maxTokens := DefaultTemperature, DefaultMaxTokens
	if made.source.temperature != nil {
		temperature = *made.source.temperature
	}
	if made.source.maxTokens != nil {
		maxTokens = *made.source.maxTokens
	}
	return Request{
		ModelID:     made.source.model.ID,
		Messages:    turns(history, budget(&made.source.model, maxTokens)),
		Temperature: &temperature,
		MaxTokens:   &maxTokens,
		Session:     answer.ConversationID,
	}, nil
}

// history is what stands before the answer. Before the first there is nothing
// but its question.
func (g *Generations) history(ctx context.Context, made *generation) ([]Message, error) {
	answer := &made.answer
	if made.source.first != "" {
		return []Message{{Role: RoleUser, Content: made.source.first}}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	found, err := g.Store.History(ctx, answer.ConversationID, answer.Seq, historyLimit)
	return slices.DeleteFunc(found, func(m Message) bool { return m.ID == answer.Replaces }), err
}

// budget is what the history may take, in bytes: the model's window less the
// room for the answer, but never less than half of it.
func budget(model *Model, maxTokens int) int {
	window := model.ContextLength
	if window <= 0 {
		window = unknownWindow
	}
	return max(window-maxTokens, window/2) * bytesPerToken
}

// turns keeps the newest messages that fit, and always the last.
func turns(history []Message, budget int) []Turn {
	first := len(history)
	for first > 0 {
		budget -= len(history[first-1].Content)
		if budget < 0 && first < len(history) {
			break
		}
		first--
	}
	// An answer whose question was left out goes too: some models refuse to go on
	// from words of their own.
	for first < len(history)-1 && history[first].Role == RoleAssistant {
		first++
	}
	kept := make([]Turn, 0, len(history)-first)
	for _, message := range history[first:] {
		kept = append(kept, Turn{Role: message.Role, Content: message.Content})
	}
	return kept
}

// parameters keeps what the sender asked for with the answer.
func parameters(temperature *float64, maxTokens *int) Metadata {
	kept := Metadata{}
	if temperature != nil {
		kept["temperature"] = *temperature
	}
	if maxTokens != nil {
		kept["maxTokens"] = *maxTokens
	}
	return kept
}

// requestHash recognises a request that comes again with the same key.
func requestHash(fields ...any) string {
	// Strings, numbers and nil always encode.
	text, _ := json.Marshal(fields) //nolint:errchkjson // see above
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
