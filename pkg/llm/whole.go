package llm

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/problem"
)

// maxWhole bounds an answer in one piece, in bytes; it may hold images.
const maxWhole = 16 << 20

// whole asks for an answer in one piece. The provider is silent until that is
// made, so nothing but Whole bounds the wait.
func (c *Client) whole(ctx context.Context, ask chat.Request, yield func(chat.Delta, error) bool) error {
	run, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if c.Whole > 0 {
		late := time.AfterFunc(c.Whole, func() { cancel(tooSlow.because(nil)) })
		defer late.Stop()
	}
	request, err := c.request(run, ask)
	if err != nil {
		return problem.Internal.Because(err, "The request to the model provider cannot be built.")
	}
	request.Header.Set("Accept", "application/json")
	response, err := c.HTTP.Do(request)
	if err != nil {
		return c.wholeFailure(ctx, run, err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return c.refusal(response, response.Body)
	}
	if isStream(response) {
		return c.wholeFailure(ctx, run, c.collect(cancel, response, ask, yield))
	}
	if id := clip(response.Header.Get("X-Generation-Id")); id != "" && !yield(chat.Delta{GenerationID: id}, nil) {
		return errLeft
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxWhole+1))
	if err != nil {
		return c.wholeFailure(ctx, run, err)
	}
	if len(body) > maxWhole {
		return overfull.because(nil)
	}
	delta, err := c.readWhole(bytes.TrimSpace(body))
	if err != nil {
		return err
	}
	if response.Header.Get("X-Generation-Id") != "" {
		delta.GenerationID = ""
	}
	if !yield(delta, nil) {
		return errLeft
	}
	return nil
}

// wholeFailure is transportFailure, with the words for a wait that was too long.
func (c *Client) wholeFailure(ctx, run context.Context, err error) error {
	if err == nil {
		return nil
	}
	if late := context.Cause(run); ctx.Err() == nil && errors.Is(late, problem.UpstreamTimeout) {
		return late
	}
	return c.transportFailure(ctx, run, err, cutOff)
}

// wireWhole is an answer in one piece, or what of it matters here.
type wireWhole struct {
	ID      string          `json:"id"`
	Model   string          `json:"model"`
	Error   json.RawMessage `json:"error"`
	Usage   json.RawMessage `json:"usage"`
	Choices []struct {
		Message      spoken          `json:"message"`
		FinishReason string          `json:"finish_reason"`
		Error        json.RawMessage `json:"error"`
	} `json:"choices"`
}

// spoken is what a model says in one piece, or what the decoder passes over of a
// chunk.
type spoken struct {
	Content          json.RawMessage `json:"content"`
	Reasoning        string          `json:"reasoning"`
	ReasoningContent string          `json:"reasoning_content"`
	Refusal          string          `json:"refusal"`
	ToolCalls        []wireToolCall  `json:"tool_calls"`
}

type wireToolCall struct {
	Index    *int   `json:"index"`
	ID       string `json:"id"`
	Type     string `json:"type"`
	Function struct {
		Name      string `json:"name"`
		Arguments string `json:"arguments"`
	} `json:"function"`
	Custom struct {
		Name  string `json:"name"`
		Input string `json:"input"`
	} `json:"custom"`
}

// readWhole reads the first choice of an answer in one piece.
func (c *Client) readWhole(body []byte) (chat.Delta, error) {
	var read wireWhole
	var syntax *json.SyntaxError
	// A member of an unexpected type is left out; the others are read.
	if err := json.Unmarshal(body, &read); errors.As(err, &syntax) {
		return chat.Delta{}, unreadable.because(err)
	}
	if f, told := readFault(read.Error); told {
		return chat.Delta{}, c.failure(f.status(), f, 0)
	}
	if len(read.Choices) == 0 {
		return chat.Delta{}, unfinished.because(nil)
	}
	first := read.Choices[0]
	if f, told := readFault(first.Error); told || first.FinishReason == "error" {
		return chat.Delta{}, c.failure(f.status(), f, 0)
	}
	delta := chat.Delta{
		GenerationID: clip(read.ID),
		Model:        clip(read.Model),
		Reasoning:    whole([]byte(cmp.Or(first.Message.Reasoning, first.Message.ReasoningContent))),
		FinishReason: cmp.Or(whole([]byte(first.FinishReason)), chat.FinishStop),
		Usage:        readUsage(read.Usage),
		Raw:          body,
	}
	var text string
	if json.Unmarshal(first.Message.Content, &text) == nil {
		delta.Text = whole([]byte(text))
	}
	first.Message.add(&delta)
	return delta, nil
}

// add adds calls to a delta, and a refusal, which is all that its reader gets.
func (s *spoken) add(delta *chat.Delta) {
	if delta.Text == "" {
		delta.Text = whole([]byte(s.Refusal))
	}
	for i, call := range s.ToolCalls {
		index := i
		if call.Index != nil {
			index = *call.Index
		}
		delta.ToolCalls = append(delta.ToolCalls, chat.ToolCall{
			Index: index, ID: whole([]byte(call.ID)), Type: whole([]byte(call.Type)),
			Name:      whole([]byte(cmp.Or(call.Function.Name, call.Custom.Name))),
			Arguments: whole([]byte(cmp.Or(call.Function.Arguments, call.Custom.Input))),
		})
	}
}
