package chat

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// Ack is the payload of message_ack: the first event of every stream, sent once
// question and answer are stored.
type Ack struct {
	ConversationID string `json:"conversationId"`
	UserMessageID  string `json:"userMessageId"`
	MessageID      string `json:"messageId"`
	Model          string `json:"model"`
	Status         Status `json:"status"`
}

// Complete is the payload of stream_complete: the answer as it is stored.
type Complete struct {
	ConversationID string `json:"conversationId"`
	MessageID      string `json:"messageId"`
	// Content is left out when the frame would be over 16 KiB; Length and SHA256
	// prove the text all the same.
	Content      *string `json:"content,omitempty"`
	FinishReason string  `json:"finishReason"`
	Model        string  `json:"model"`
	TokensUsed   int     `json:"tokensUsed"`
	Usage        Usage   `json:"usage"`
	Cost         *string `json:"cost"`
	// Estimated is set if the tokens or the cost are our estimate.
	Estimated bool `json:"estimated"`
	Proof
}

// Failed is the payload of stream_error: why the answer ended early. What was
// made of it is stored.
type Failed struct {
	ConversationID string `json:"conversationId"`
	MessageID      string `json:"messageId"`
	Failure
	Proof
}

// Proof lets a client prove that it holds the whole text.
type Proof struct {
	// LastSeq is the newest position of the conversation: what the next send
	// tells as lastSeq.
	LastSeq int64 `json:"lastSeq"`
	// Length counts the text's UTF-16 units.
	Length int `json:"length"`
	// SHA256 is over the UTF-8 text, in hex.
	SHA256 string `json:"sha256"`
}

func (m *Message) ack() Event {
	return event(EventAck, Ack{
		ConversationID: m.ConversationID,
		UserMessageID:  m.QuestionID,
		MessageID:      m.ID,
		Model:          m.askedModel(),
		Status:         StatusStreaming,
	})
}

// terminal is the last event of a finished answer, told by its row alone, so
// that a stream that is built again ends as it ended live.
func (m *Message) terminal() Event {
	sum := sha256.Sum256([]byte(m.Content))
	proof := Proof{LastSeq: m.Seq, Length: units(m.Content), SHA256: hex.EncodeToString(sum[:])}
	if m.Error != nil {
		return event(EventError, Failed{
			ConversationID: m.ConversationID,
			MessageID:      m.ID,
			Failure:        *m.Error,
			Proof:          proof,
		})
	}
	complete := Complete{
		ConversationID: m.ConversationID,
		MessageID:      m.ID,
		FinishReason:   m.FinishReason,
		Model:          m.ModelID,
		TokensUsed:     m.TokensUsed,
		Usage: Usage{
			PromptTokens:     m.PromptTokens,
			CompletionTokens: m.CompletionTokens,
			ReasoningTokens:  m.ReasoningTokens,
			TotalTokens:      m.TokensUsed,
		},
		Cost:      m.Cost,
		Estimated: m.Estimated,
		Proof:     proof,
	}
	if quotedLen(m.Content) <= maxContent {
		complete.Content = &m.Content
	}
	return event(EventComplete, complete)
}

func event(kind EventType, payload any) Event {
	text, err := json.Marshal(payload)
	if err != nil {
		// The payloads above hold nothing but strings, numbers and what was
		// read from JSON.
		text = []byte("{}")
	}
	return Event{Type: kind, Text: string(text)}
}

// quotedLen bounds the bytes that encoding/json takes for a string.
func quotedLen(text string) int {
	n := len(text)
	for i := range len(text) {
		switch c := text[i]; {
		case c == '"', c == '\\', c == '\n', c == '\r', c == '\t':
			n++
		case c < ' ', c == '<', c == '>', c == '&', c == 0xe2:
			n += 5
		}
	}
	return n
}
