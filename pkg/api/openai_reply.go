package api

import (
	"encoding/json"
	"iter"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/sse"
)

// completion makes the replies of OpenAI's wire for one answer.
type completion struct {
	ID      string
	Created int64
	Model   string

	begun bool
}

type completionReply struct {
	ID      string             `json:"id"`
	Object  string             `json:"object"`
	Created int64              `json:"created"`
	Model   string             `json:"model"`
	Choices []completionChoice `json:"choices"`
	Usage   *completionUsage   `json:"usage,omitempty"`
}

type completionChoice struct {
	Index        int              `json:"index"`
	Message      *completionDelta `json:"message,omitempty"`
	Delta        *completionDelta `json:"delta,omitempty"`
	FinishReason *string          `json:"finish_reason"`
}

type completionDelta struct {
	Role      string  `json:"role,omitempty"`
	Content   *string `json:"content,omitempty"`
	Reasoning string  `json:"reasoning,omitempty"`
}

type completionUsage struct {
	PromptTokens     int `json:"prompt_tokens"`
	CompletionTokens int `json:"completion_tokens"`
	TotalTokens      int `json:"total_tokens"`
}

// chunk turns a delta into a chunk; ok is false if the delta holds nothing that
// a client is told.
func (r *completion) chunk(delta chat.Delta, usage bool) (reply completionReply, ok bool) {
	r.answers(delta)
	reply = r.reply("chat.completion.chunk")
	if delta.Usage != nil && delta.Text == "" && delta.FinishReason == "" {
		reply.Usage = told(delta.Usage)
		return reply, usage
	}
	if delta.Text == "" && delta.Reasoning == "" && delta.FinishReason == "" {
		return reply, false
	}
	piece := &completionDelta{Reasoning: delta.Reasoning}
	if !r.begun {
		r.begun = true
		piece.Role = string(chat.RoleAssistant)
	}
	if delta.Text != "" {
		piece.Content = &delta.Text
	}
	choice := completionChoice{Delta: piece}
	if delta.FinishReason != "" {
		choice.FinishReason = &delta.FinishReason
	}
	reply.Choices = append(reply.Choices, choice)
	if usage && delta.Usage != nil {
		reply.Usage = told(delta.Usage)
	}
	return reply, true
}

// maxReply bounds what an answer may hold of text and reasoning, in bytes. One
// that reaches it ends as if its token limit were reached.
const maxReply = 4 << 20

// answers notes which model answers, once the provider tells: it may not be the
// one that was asked.
func (r *completion) answers(delta chat.Delta) {
	if delta.Model != "" {
		r.Model = delta.Model
	}
}

// collect answers with the whole text.
func (r *completion) collect(c echo.Context, deltas iter.Seq2[chat.Delta, error]) error {
	var text, reasoning strings.Builder
	var usage *completionUsage
	finish := chat.FinishStop
	for delta, err := range deltas {
		if err != nil {
			return err
		}
		r.answers(delta)
		text.WriteString(delta.Text)
		reasoning.WriteString(delta.Reasoning)
		if delta.FinishReason != "" {
			finish = delta.FinishReason
		}
		if delta.Usage != nil {
			usage = told(delta.Usage)
		}
		if text.Len()+reasoning.Len() >= maxReply {
			finish = chat.FinishLength
			break
		}
	}
	content := text.String()
	reply := r.reply("chat.completion")
	reply.Usage = usage
	reply.Choices = []completionChoice{{
		Message:      &completionDelta{Role: string(chat.RoleAssistant), Content: &content, Reasoning: reasoning.String()},
		FinishReason: &finish,
	}}
	return private(c, http.StatusOK, reply)
}

func (r *completion) reply(object string) completionReply {
	return completionReply{ID: r.ID, Object: object, Created: r.Created, Model: r.Model, Choices: []completionChoice{}}
}

func told(usage *chat.Usage) *completionUsage {
	return &completionUsage{
		PromptTokens:     usage.PromptTokens,
		CompletionTokens: usage.CompletionTokens,
		TotalTokens:      usage.TotalTokens,
	}
}

// data writes an event of OpenAI's wire: JSON without id or name.
func (w *streamWriter) data(body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return w.write(sse.End(append(sse.Begin(nil, ""), text...)))
}

// openAIFault is the error of OpenAI's wire.
type openAIFault struct {
	Error openAIDetail `json:"error"`
}

type openAIDetail struct {
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    string  `json:"code"`
}

func openAIError(found *problem.Error) openAIFault {
	kind := "invalid_request_error"
	switch status := found.Kind.Status(); {
	case status == http.StatusUnauthorized:
		kind = "authentication_error"
	case status >= http.StatusInternalServerError:
		kind = "server_error"
	}
	fault := openAIFault{Error: openAIDetail{Message: found.Detail, Type: kind, Code: found.Kind.Code()}}
	if len(found.Fields) > 0 {
		first := found.Fields[0]
		param := strings.TrimPrefix(first.Pointer, "/")
		fault.Error.Param = &param
		fault.Error.Message = param + " " + first.Detail
	}
	return fault
}
