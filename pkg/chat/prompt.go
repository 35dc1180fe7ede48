package chat

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"
)

// What a question gets when it does not say.
const (
	DefaultTemperature = 0.7
	DefaultMaxTokens   = 4096
)

// readTimeout bounds how long the history may take to read.
const readTimeout = 5 * time.Second

// request is what the provider is asked: the history within the model's window,
// the newest question last.
func (g *Generations) request(ctx context.Context, made *generation) (Request, error) {
	model := &made.source.model
	if raw := made.source.raw; raw != nil {
		return Request{ModelID: model.ID, Session: made.answer.ConversationID, Raw: raw}, nil
	}
	temperature, maxTokens := DefaultTemperature, DefaultMaxTokens
	if made.source.temperature != nil {
		temperature = *made.source.temperature
	}
	if made.source.maxTokens != nil {
		maxTokens = *made.source.maxTokens
	}
	room := budget(model, maxTokens)
	history, err := g.history(ctx, made, room)
	if err != nil {
		return Request{}, err
	}
	turns := trim(history.Messages, room)
	made.noteContext(len(turns), history.Older+len(history.Messages)-len(turns))
	maxTokens = answerRoom(model, maxTokens, turns)
	return Request{
		ModelID:     model.ID,
		Messages:    turns,
		Temperature: &temperature,
		MaxTokens:   &maxTokens,
		Session:     made.answer.ConversationID,
	}, nil
}

// history is what stands before the answer, as far as so many bytes hold it. Before
// the first answer there is nothing but its question.
func (g *Generations) history(ctx context.Context, made *generation, room int) (History, error) {
	if made.source.first != "" {
		return History{Messages: []Message{{Role: RoleUser, Content: made.source.first}}}, nil
	}
	return g.recall(ctx, HistoryQuery{
		ConversationID: made.answer.ConversationID,
		Before:         made.answer.Seq,
		Without:        made.answer.Replaces,
		ModelID:        made.source.model.ID,
	}, room)
}

// recall reads as much of a history as so many bytes hold.
func (g *Generations) recall(ctx context.Context, query HistoryQuery, room int) (History, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	query.Messages, query.Bytes, query.DetailBytes = historyMessages, room, min(room, historyDetails)
	return g.Store.History(ctx, query)
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
