package api

import (
	"encoding/json"
	"strconv"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/sse"
)

// uiMessage tells one answer as parts of the AI SDK's UI message stream, version
// 1. It uses only what ai 5, 6 and 7 all know: one part of another type, or one
// unknown reason of the end, would break the stream there.
type uiMessage struct {
	open  string // the type of the part that grows, or empty
	parts int
}

type uiPart struct {
	Type         string `json:"type"`
	ID           string `json:"id,omitempty"`
	MessageID    string `json:"messageId,omitempty"`
	FinishReason string `json:"finishReason,omitempty"`
	ErrorText    string `json:"errorText,omitempty"`
	Metadata     any    `json:"messageMetadata,omitempty"`
}

// uiStart is the metadata of an answer that begins.
type uiStart struct {
	ConversationID string `json:"conversationId"`
	UserMessageID  string `json:"userMessageId"`
	Model          string `json:"model"`
}

// frame appends the parts that an event becomes. Events come in order, the first
// being the ack.
func (m *uiMessage) frame(dst []byte, _ int, event chat.Event) []byte {
	switch event.Type {
	case chat.EventAck:
		return m.start(dst, event)
	case chat.EventChunk:
		return m.delta(dst, event)
	case chat.EventComplete:
		return m.complete(m.end(dst), event)
	case chat.EventError:
		return m.fail(m.end(dst), event)
	}
	return dst
}

func (*uiMessage) start(dst []byte, event chat.Event) []byte {
	var ack chat.Ack
	decode(event, &ack)
	dst = appendPart(dst, uiPart{
		Type:      "start",
		MessageID: ack.MessageID,
		Metadata:  uiStart{ConversationID: ack.ConversationID, UserMessageID: ack.UserMessageID, Model: ack.Model},
	})
	return appendPart(dst, uiPart{Type: "start-step"})
}

func (m *uiMessage) delta(dst []byte, event chat.Event) []byte {
	if kind := event.Kind.String(); kind != m.open {
		dst = m.end(dst)
		m.open = kind
		m.parts++
		dst = appendPart(dst, uiPart{Type: m.open + "-start", ID: m.id()})
	}
	dst = sse.Begin(dst, "")
	dst = append(dst, `{"type":"`...)
	dst = append(dst, m.open...)
	dst = append(dst, `-delta","id":"`...)
	dst = strconv.AppendInt(dst, int64(m.parts), 10)
	dst = append(dst, `","delta":`...)
	dst = event.AppendText(dst)
	return sse.End(append(dst, '}'))
}

func (m *uiMessage) id() string { return strconv.Itoa(m.parts) }

// end closes the part that grows.
func (m *uiMessage) end(dst []byte) []byte {
	if m.open == "" {
		return dst
	}
	dst = appendPart(dst, uiPart{Type: m.open + "-end", ID: m.id()})
	m.open = ""
	return dst
}

// complete ends the message, or aborts it if it was stopped.
func (*uiMessage) complete(dst []byte, event chat.Event) []byte {
	var told chat.Complete
	decode(event, &told)
	told.Content = nil // the parts before have told it
	dst = appendPart(dst, uiPart{Type: "finish-step"})
	if told.FinishReason == chat.FinishStopped {
		dst = appendPart(dst, uiPart{Type: "message-metadata", Metadata: told})
		return done(appendPart(dst, uiPart{Type: "abort"}))
	}
	return done(appendPart(dst, uiPart{Type: "finish", FinishReason: uiReason(told.FinishReason), Metadata: told}))
}

func uiReason(reason string) string {
	switch reason {
	case chat.FinishStop, chat.FinishLength:
		return reason
	case chat.FinishContentFilter:
		return "content-filter"
	default:
		return "other"
	}
}

// fail ends the message with what went wrong. A client reads no further than that.
func (*uiMessage) fail(dst []byte, event chat.Event) []byte {
	var told chat.Failed
	decode(event, &told)
	dst = appendPart(dst, uiPart{Type: "finish-step"})
	dst = appendPart(dst, uiPart{Type: "message-metadata", Metadata: told})
	return done(appendPart(dst, uiPart{Type: "error", ErrorText: told.Message}))
}

func done(dst []byte) []byte {
	return sse.End(append(sse.Begin(dst, ""), "[DONE]"...))
}

// decode reads a payload that we have written.
func decode(event chat.Event, into any) { _ = json.Unmarshal([]byte(event.Text), into) }

func appendPart(dst []byte, part uiPart) []byte {
	text, _ := json.Marshal(part) //nolint:errchkjson // our own payloads, which were JSON before
	return sse.End(append(sse.Begin(dst, ""), text...))
}
