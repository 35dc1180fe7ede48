package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/id"
	"dreamchat/pkg/problem"
)

const pathChatCompletions = "/api/v1/chat/completions"

const (
	maxTurns       = 1000
	maxCompletions = 200_000
)

// completionRequest is what we take of OpenAI's request; clients send more, and
// it is passed over.
type completionRequest struct {
	Model               string           `json:"model"`
	Messages            []completionTurn `json:"messages"`
	Stream              bool             `json:"stream"`
	StreamOptions       streamOptions    `json:"stream_options"`
	Temperature         *float64         `json:"temperature"`
	MaxTokens           *int             `json:"max_tokens"`
	MaxCompletionTokens *int             `json:"max_completion_tokens"`
}

type streamOptions struct {
	IncludeUsage bool `json:"include_usage"`
}

type completionTurn struct {
	Role    string            `json:"role"`
	Content completionContent `json:"content"`
}

// completionContent is a string, or a list of parts of which we take text.
type completionContent string

var errPart = errors.New("content must be a string or a list of text parts")

// UnmarshalJSON implements json.Unmarshaler.
func (t *completionContent) UnmarshalJSON(raw []byte) error {
	if !bytes.HasPrefix(raw, []byte("[")) {
		return json.Unmarshal(raw, (*string)(t))
	}
	var parts []struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	if err := json.Unmarshal(raw, &parts); err != nil {
		return err
	}
	var text strings.Builder
	for _, part := range parts {
		if part.Type != "text" {
			return errPart
		}
		text.WriteString(part.Text)
	}
	*t = completionContent(text.String())
	return nil
}

// createChatCompletion speaks OpenAI's wire. Nothing is kept.
func (s *Server) createChatCompletion(c echo.Context, _ auth.Caller) error {
	request, err := s.completionRequest(c)
	if err != nil {
		return err
	}
	asked, err := request.toChat()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(c.Request().Context())
	defer cancel()
	deltas, err := s.Completions.Stream(ctx, asked)
	if err != nil {
		return err
	}
	reply := completion{ID: "chatcmpl-" + id.New(), Created: time.Now().Unix(), Model: request.Model}
	if request.Stream {
		return s.streamCompletion(c, reply, request.StreamOptions.IncludeUsage, deltas)
	}
	return reply.collect(c, deltas)
}

func (s *Server) completionRequest(c echo.Context) (completionRequest, error) {
	var request completionRequest
	body, err := s.body(c, s.BodyLimit)
	if err != nil {
		return request, err
	}
	if !utf8.Valid(body) {
		return request, problem.Malformed.New("The body must be valid UTF-8.")
	}
	if err := json.Unmarshal(body, &request); err != nil {
		return request, problem.Malformed.Because(err, "The body is not a chat completion request: "+jsonFault(err)+".")
	}
	return request, nil
}

// jsonFault says what is wrong with JSON in words that hold nothing of ours.
func jsonFault(err error) string {
	var kind *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &kind):
		return kind.Field + " has a wrong type"
	case errors.As(err, &syntax):
		return syntax.Error()
	case errors.Is(err, errPart):
		return errPart.Error()
	default:
		return "a value has a wrong type"
	}
}

// toChat checks the request.
func (r *completionRequest) toChat() (chat.Request, error) {
	request := chat.Request{ModelID: r.Model, Temperature: r.Temperature, MaxTokens: r.MaxTokens}
	if r.MaxCompletionTokens != nil {
		request.MaxTokens = r.MaxCompletionTokens
	}
	var wrong []problem.Field
	complain := func(pointer, detail string) {
		wrong = append(wrong, problem.Field{Pointer: pointer, Detail: detail})
	}
	if r.Model == "" {
		complain("/model", "is required")
	}
	if n := len(r.Messages); n == 0 || n > maxTurns {
		complain("/messages", "must hold 1 to 1000 messages")
	}
	if t := r.Temperature; t != nil && (*t < 0 || *t > 2) {
		complain("/temperature", "must be from 0 to 2")
	}
	if n := request.MaxTokens; n != nil && (*n < 1 || *n > maxCompletions) {
		complain("/max_tokens", "must be from 1 to 200000")
	}
	for _, turn := range r.Messages {
		role := chat.Role(turn.Role)
		if role == "developer" {
			role = chat.RoleSystem // its newer name
		}
		switch role {
		case chat.RoleSystem, chat.RoleUser, chat.RoleAssistant:
			request.Messages = append(request.Messages, chat.Turn{Role: role, Content: string(turn.Content)})
		default:
			complain("/messages", "may have the roles system, user and assistant")
		}
	}
	return request, invalid(wrong)
}

// streamCompletion streams the answer. The status is sent with the first
// piece, so that an error before it has its own.
func (s *Server) streamCompletion(c echo.Context, reply completion, usage bool, deltas iter.Seq2[chat.Delta, error]) error {
	var w *streamWriter
	write := func(chunk any) error {
		if w == nil {
			w = s.openStream(c)
		}
		return w.data(chunk)
	}
	defer func() {
		if w != nil {
			w.close()
		}
	}()
	for delta, err := range deltas {
		if err != nil && w == nil {
			return err
		}
		if err != nil {
			return write(openAIError(s.toProblem(err, c)))
		}
		chunk, ok := reply.chunk(delta, usage)
		if !ok {
			continue
		}
		if err := write(chunk); err != nil {
			return nil // the client has gone
		}
	}
	if w == nil {
		return problem.Upstream.New("The model provider sent no answer.")
	}
	return w.write([]byte("data: [DONE]\n\n"))
}
