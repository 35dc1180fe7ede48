package main_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
)

// goSDK calls openai-go.
func goSDK(t *testing.T, baseURL, token string, calls ...sdkCall) []sdkHeard {
	t.Helper()
	transport := new(http.Transport)
	defer transport.CloseIdleConnections()
	client := goClient{t: t, api: openai.NewClient(
		option.WithBaseURL(baseURL), option.WithAPIKey(token), option.WithMaxRetries(0),
		option.WithHTTPClient(&http.Client{Transport: transport, Timeout: patience}))}
	var all []sdkHeard
	for _, call := range calls {
		var heard sdkHeard
		if err := client.do(t.Context(), call, &heard); err != nil {
			heard.Error = goError(err)
		}
		all = append(all, heard)
	}
	return all
}

type goClient struct {
	t   *testing.T
	api openai.Client
}

func (c goClient) do(ctx context.Context, call sdkCall, heard *sdkHeard) error {
	switch call.Do {
	case "models":
		page, err := c.api.Models.List(ctx)
		if err != nil {
			return err
		}
		for _, model := range page.Data {
			heard.Models = append(heard.Models, model.ID)
		}
		return nil
	case "model":
		model, err := c.api.Models.Get(ctx, call.ID)
		if err == nil {
			heard.Models = []string{model.ID}
		}
		return err
	case "whole":
		return c.whole(ctx, call, heard)
	case "stream":
		return c.stream(ctx, call, heard)
	default:
		return c.tools(ctx, call, heard)
	}
}

// parameters are a request in the client's own types.
func (c goClient) parameters(request map[string]any) openai.ChatCompletionNewParams {
	c.t.Helper()
	text, err := json.Marshal(request)
	if err != nil {
		c.t.Error(err)
	}
	var parameters openai.ChatCompletionNewParams
	if err := json.Unmarshal(text, &parameters); err != nil {
		c.t.Error(err)
	}
	return parameters
}

func (c goClient) options(call sdkCall, response **http.Response) []option.RequestOption {
	options := []option.RequestOption{option.WithResponseInto(response)}
	for name, value := range call.Headers {
		options = append(options, option.WithHeader(name, value))
	}
	return options
}

func (c goClient) whole(ctx context.Context, call sdkCall, heard *sdkHeard) error {
	var response *http.Response
	completion, err := c.api.Chat.Completions.New(ctx, c.parameters(call.Request), c.options(call, &response)...)
	if response != nil {
		heard.MessageID = response.Header.Get("X-Message-Id")
	}
	if err != nil {
		return err
	}
	heard.tell(completion)
	return nil
}

func (h *sdkHeard) tell(completion *openai.ChatCompletion) {
	choice := completion.Choices[0]
	h.Content, h.Finish, h.Total = choice.Message.Content, choice.FinishReason, completion.Usage.TotalTokens
	for _, call := range choice.Message.ToolCalls {
		h.Calls = append(h.Calls, sdkToolCall{ID: call.ID, Name: call.Function.Name, Arguments: call.Function.Arguments})
	}
}

func (c goClient) stream(ctx context.Context, call sdkCall, heard *sdkHeard) error {
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	var response *http.Response
	stream := c.api.Chat.Completions.NewStreaming(ctx, c.parameters(call.Request), c.options(call, &response)...)
	defer func() { _ = stream.Close() }() // it is read to its end, or left
	if response != nil {
		heard.MessageID = response.Header.Get("X-Message-Id")
	}
	for stream.Next() {
		heard.Chunks++
		chunk := stream.Current()
		if chunk.Usage.TotalTokens > 0 {
			heard.Total = chunk.Usage.TotalTokens
		}
		for _, choice := range chunk.Choices {
			heard.Content += choice.Delta.Content
			if choice.FinishReason != "" {
				heard.Finish = choice.FinishReason
			}
		}
		if heard.Chunks == call.LeaveAfter {
			leave()
			return nil
		}
	}
	return stream.Err()
}

func (c goClient) tools(ctx context.Context, call sdkCall, heard *sdkHeard) error {
	parameters := c.parameters(call.Request)
	first, err := c.ask(ctx, parameters, call.Streams)
	if err != nil {
		return err
	}
	message := first.Choices[0].Message
	parameters.Messages = append(parameters.Messages, message.ToParam())
	for _, wanted := range message.ToolCalls {
		parameters.Messages = append(parameters.Messages, openai.ToolMessage(call.Result, wanted.ID))
	}
	second, err := c.ask(ctx, parameters, call.Streams)
	if err != nil {
		return err
	}
	heard.tell(first)
	heard.tell(second)
	return nil
}

func (c goClient) ask(ctx context.Context, parameters openai.ChatCompletionNewParams, streams bool) (*openai.ChatCompletion, error) {
	if !streams {
		return c.api.Chat.Completions.New(ctx, parameters)
	}
	stream := c.api.Chat.Completions.NewStreaming(ctx, parameters)
	defer func() { _ = stream.Close() }() // it is read to its end
	var all openai.ChatCompletionAccumulator
	for stream.Next() {
		if !all.AddChunk(stream.Current()) {
			return nil, errors.New("the accumulator does not take a chunk")
		}
	}
	return &all.ChatCompletion, stream.Err()
}

func goError(err error) *sdkError {
	told := &sdkError{Message: err.Error()}
	if refused, ok := errors.AsType[*openai.Error](err); ok {
		told.Status, told.Code, told.Type, told.Message = refused.StatusCode, refused.Code, refused.Type, refused.Message
		told.RetryAfter = refused.Response.Header.Get("Retry-After")
	}
	return told
}
