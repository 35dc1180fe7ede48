package llm

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"dreamchat/pkg/chat"
)

// collect reads an answer that was asked for in one piece from a server that
// streams whatever it is asked, and makes the piece of it.
func (c *Client) collect(
	cancel context.CancelCauseFunc, response *http.Response, ask chat.Request, yield func(chat.Delta, error) bool,
) error {
	watch := newWatch(0, cancel)
	defer watch.stop()
	var all collected
	take := func(delta chat.Delta, _ error) bool {
		if delta.GenerationID != "" && !yield(chat.Delta{GenerationID: delta.GenerationID}, nil) {
			return false
		}
		return all.take(delta)
	}
	a := answer{yield: take, client: c, watch: watch, body: response.Body, raw: newRaw(ask.Raw)}
	err := a.read(response.Header.Get("X-Generation-Id"))
	if all.full {
		err = overfull.because(nil)
	}
	if err != nil {
		return err
	}
	if !yield(all.whole(ask.ModelID), nil) {
		return errLeft
	}
	return nil
}

// collected is what has come of an answer.
type collected struct {
	id              string
	text, reasoning strings.Builder
	calls           []*chat.ToolCall
	last            chat.Delta // what was told last of Model, FinishReason and Usage
	size            int
	full            bool
}

// take adds a piece and tells whether there is room for more.
func (c *collected) take(delta chat.Delta) bool {
	c.id = cmp.Or(c.id, delta.GenerationID)
	c.text.WriteString(delta.Text)
	c.reasoning.WriteString(delta.Reasoning)
	c.last.Model = cmp.Or(delta.Model, c.last.Model)
	c.last.FinishReason = cmp.Or(delta.FinishReason, c.last.FinishReason)
	c.last.Usage = cmp.Or(delta.Usage, c.last.Usage)
	for _, piece := range delta.ToolCalls {
		c.call(piece)
	}
	c.size += len(delta.Raw)
	c.full = c.size > maxWhole
	return !c.full
}

func (c *collected) call(piece chat.ToolCall) {
	at := slices.IndexFunc(c.calls, func(call *chat.ToolCall) bool { return call.Index == piece.Index })
	if at < 0 {
		c.calls = append(c.calls, &piece)
		return
	}
	call := c.calls[at]
	call.ID, call.Type, call.Name = cmp.Or(call.ID, piece.ID), cmp.Or(call.Type, piece.Type), cmp.Or(call.Name, piece.Name)
	call.Arguments += piece.Arguments
}

// whole is the answer in one piece.
func (c *collected) whole(modelID string) chat.Delta {
	delta := c.last
	delta.Text, delta.Reasoning = c.text.String(), c.reasoning.String()
	message := map[string]any{"role": chat.RoleAssistant, "content": delta.Text}
	if delta.Reasoning != "" {
		message["reasoning"] = delta.Reasoning
	}
	var calls []any
	for _, call := range c.calls {
		delta.ToolCalls = append(delta.ToolCalls, *call)
		calls = append(calls, map[string]any{
			"id": call.ID, "type": cmp.Or(call.Type, "function"),
			"function": map[string]any{"name": call.Name, "arguments": call.Arguments},
		})
	}
	if calls != nil {
		message["tool_calls"] = calls
	}
	piece := map[string]any{
		"id": c.id, "object": "chat.completion", "created": time.Now().Unix(), "model": cmp.Or(delta.Model, modelID),
		"choices": []any{map[string]any{"index": 0, "message": message, "finish_reason": delta.FinishReason}},
	}
	if usage := delta.Usage; usage != nil {
		piece["usage"] = map[string]any{
			"prompt_tokens": usage.PromptTokens, "completion_tokens": usage.CompletionTokens, "total_tokens": usage.TotalTokens,
		}
	}
	// Texts and numbers always encode.
	delta.Raw, _ = json.Marshal(piece) //nolint:errchkjson // see above
	return delta
}
