package llm

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/problem"
)

const (
	settleTimeout = 10 * time.Second
	maxSettled    = 64 << 10 // bytes
)

// wireGeneration is what OpenRouter tells of a generation that is over. Native
// tokens are those of the model's own tokenizer, by which it is paid; others are
// null for some.
type wireGeneration struct {
	Data struct {
		TotalCost        json.RawMessage `json:"total_cost"`
		NativePrompt     *int            `json:"native_tokens_prompt"`
		NativeCompletion *int            `json:"native_tokens_completion"`
		NativeReasoning  *int            `json:"native_tokens_reasoning"`
		Prompt           *int            `json:"tokens_prompt"`
		Completion       *int            `json:"tokens_completion"`
	} `json:"data"`
}

// Settled implements [chat.Settler] for OpenRouter by GET /generation. It takes 10
// seconds at most. While the breaker is open nothing is asked, which is
// problem.UpstreamBusy.
func (c *Client) Settled(ctx context.Context, generationID string) (chat.Usage, error) {
	if err := c.Breaker.paused(); err != nil {
		return chat.Usage{}, err
	}
	status, body, err := c.get(ctx, inquiry{
		path: "/generation?id=" + url.QueryEscape(generationID), within: settleTimeout,
		late: "The model provider took too long to tell a cost.", most: maxSettled,
	})
	if status == http.StatusNotFound {
		return chat.Usage{}, problem.NotFound.New("The model provider does not know yet what this cost.")
	}
	if err != nil {
		return chat.Usage{}, err
	}
	return readSettled(body)
}

func readSettled(body []byte) (chat.Usage, error) {
	var told wireGeneration
	if err := json.Unmarshal(body, &told); err != nil {
		return chat.Usage{}, problem.Upstream.Because(err, "The model provider tells a cost that cannot be read.")
	}
	cost, ok := decimal(strings.Trim(string(told.Data.TotalCost), `"`))
	if !ok {
		return chat.Usage{}, problem.NotFound.New("The model provider does not tell what this cost.")
	}
	usage := chat.Usage{
		PromptTokens:     counted(told.Data.NativePrompt, told.Data.Prompt),
		CompletionTokens: counted(told.Data.NativeCompletion, told.Data.Completion),
		ReasoningTokens:  counted(told.Data.NativeReasoning, nil),
		Cost:             &cost,
	}
	usage.TotalTokens = usage.PromptTokens + usage.CompletionTokens
	return usage, nil
}

// counted is the first count that is told.
func counted(native, other *int) int {
	switch {
	case native != nil:
		return tokens(*native)
	case other != nil:
		return tokens(*other)
	default:
		return 0
	}
}
