package llm

import (
	"cmp"
	"encoding/json"
	"strings"

	"dreamchat/pkg/chat"
)

// demoRequest is what the demo model reads of a request.
type demoRequest struct {
	Model               string     `json:"model"`
	Messages            []demoTurn `json:"messages"`
	Stream              bool       `json:"stream"`
	MaxTokens           *int       `json:"max_tokens"`
	MaxCompletionTokens *int       `json:"max_completion_tokens"`
}

type demoTurn struct {
	Role    chat.Role   `json:"role"`
	Content demoContent `json:"content"`
}

// demoContent is a text, or the texts of a list of parts; the demo model sees no
// images.
type demoContent string

// UnmarshalJSON implements [json.Unmarshaler].
func (c *demoContent) UnmarshalJSON(raw []byte) error {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		*c = demoContent(text)
		return nil
	}
	var parts []struct {
		Text string `json:"text"`
	}
	if err := json.Unmarshal(raw, &parts); err != nil {
		return err
	}
	var all strings.Builder
	for _, part := range parts {
		all.WriteString(part.Text)
	}
	*c = demoContent(all.String())
	return nil
}

func (r *demoRequest) limit() *int { return cmp.Or(r.MaxCompletionTokens, r.MaxTokens) }

func (r *demoRequest) history() []wireMessage {
	turns := make([]wireMessage, len(r.Messages))
	for i, turn := range r.Messages {
		turns[i] = wireMessage{Role: turn.Role, Content: string(turn.Content)}
	}
	return turns
}
