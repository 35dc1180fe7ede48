package api

import (
	"dreamchat/pkg/chat"
)

// completion tells an answer that is kept on OpenAI's wire.
type completion struct {
	messageID string
	created   int64
	model     string
	begun     bool
}

func newCompletion(answer chat.Message) *completion {
	return &completion{messageID: answer.ID, created: answer.CreatedAt.Unix(), model: answer.ModelID}
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
	Role      string           `json:"role,omitempty"`
	Content   *string          `json:"content,omitempty"`
	Reasoning string           `json:"reasoning,omitempty"`
	ToolCalls []completionCall `json:"tool_calls,omitempty"`
}

type completionCall struct {
	Index    *int                `json:"index,omitempty"`
	ID       string              `json:"id"`
	Type     string              `json:"type"`
	Function *completionFunction `json:"function,omitempty"`
	Custom   *completionCustom   `json:"custom,omitempty"`
}

type completionFunction struct {
	Name      string `json:"name"`
	Arguments string `json:"arguments"`
}

type completionCustom struct {
	Name  string `json:"name"`
	Input string `json:"input"`
}

type completionUsage struct {
	PromptTokens     int `json:"prompt_tokens"`
	CompletionTokens int `json:"completion_tokens"`
	TotalTokens      int `json:"total_tokens"`
}

// text is a chunk with a piece of the text or of the reasoning.
func (r *completion) text(event chat.Event) completionReply {
	piece := r.delta()
	if event.Kind == chat.KindReasoning {
		piece.Reasoning = event.Text
	} else {
		piece.Content = &event.Text
	}
	return r.chunk(completionChoice{Delta: piece})
}

// finish is the chunk with the calls that the answer asks for, and why it ended.
func (r *completion) finish(answer chat.Message) completionReply {
	piece := r.delta()
	piece.ToolCalls = calls(answer, true)
	return r.chunk(completionChoice{Delta: piece, FinishReason: ending(answer)})
}

// usage is the chunk that comes last.
func (r *completion) usage(answer chat.Message) completionReply {
	reply := r.chunk()
	reply.Usage = told(answer)
	return reply
}

// whole is the answer in one piece.
func (r *completion) whole(answer chat.Message) completionReply {
	message := r.delta()
	message.Content, message.Reasoning, message.ToolCalls = &answer.Content, answer.Reasoning, calls(answer, false)
	reply := r.chunk(completionChoice{Message: message, FinishReason: ending(answer)})
	reply.Object, reply.Usage = "chat.completion", told(answer)
	return reply
}

// delta is a piece, the first one with the role.
func (r *completion) delta() *completionDelta {
	if r.begun {
		return new(completionDelta)
	}
	r.begun = true
	return &completionDelta{Role: string(chat.RoleAssistant)}
}

func (r *completion) chunk(choices ...completionChoice) completionReply {
	if choices == nil {
		choices = []completionChoice{}
	}
	return completionReply{
		ID: "chatcmpl-" + r.messageID, Object: "chat.completion.chunk", Created: r.created, Model: r.model, Choices: choices,
	}
}

func calls(answer chat.Message, numbered bool) []completionCall {
	var told []completionCall
	for _, call := range answer.ToolCalls() {
		shown := completionCall{ID: call.ID, Type: call.Type}
		if numbered {
			shown.Index = &call.Index
		}
		if call.Type == "custom" {
			shown.Custom = &completionCustom{Name: call.Name, Input: call.Arguments}
		} else {
			shown.Function = &completionFunction{Name: call.Name, Arguments: call.Arguments}
		}
		told = append(told, shown)
	}
	return told
}

// ending is why an answer ended, in OpenAI's words.
func ending(answer chat.Message) *string {
	reason := answer.FinishReason
	switch {
	case reason == chat.FinishStopped:
		reason = chat.FinishStop
	case reason == chat.FinishStop && len(answer.ToolCalls()) > 0:
		reason = "tool_calls"
	}
	return &reason
}

func told(answer chat.Message) *completionUsage {
	return &completionUsage{
		PromptTokens:     answer.PromptTokens,
		CompletionTokens: answer.CompletionTokens,
		TotalTokens:      answer.TokensUsed,
	}
}
