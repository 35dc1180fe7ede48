package chat

import (
	"encoding/json"
	"time"
)

// ChangeType is what a change in an account's feed tells.
type ChangeType string

// The changes of an account.
const (
	ConversationCreated ChangeType = "conversation_created"
	ConversationUpdated ChangeType = "conversation_updated"
	ConversationDeleted ChangeType = "conversation_deleted"
	MessageCreated      ChangeType = "message_created"
	MessageUpdated      ChangeType = "message_updated"
	GenerationStarted   ChangeType = "generation_started"
	GenerationFinished  ChangeType = "generation_finished"
	// FeedReset is not stored: it tells a reader to load its lists again, since
	// what it has missed, if anything, cannot be told.
	FeedReset ChangeType = "feed_reset"
)

// Change is one entry in the feed of an account: what was written, as it was
// then, without any text of a message.
type Change struct {
	UserID string
	// Seq counts the changes of an account without a gap, in the order in which
	// they were committed.
	Seq            int64
	Type           ChangeType
	ConversationID string
	MessageID      string // empty for a change of a conversation
	// Data is the JSON payload, well under 16 KiB.
	Data      string
	CreatedAt time.Time
}

// ConversationChange is the payload of conversation_created,
// conversation_updated and conversation_deleted, which leaves the conversation
// out.
type ConversationChange struct {
	ConversationID string        `json:"conversationId"`
	Conversation   *Conversation `json:"conversation,omitempty"`
	At             time.Time     `json:"at"`
}

// MessageChange is the payload of message_created and message_updated.
type MessageChange struct {
	ConversationID string    `json:"conversationId"`
	MessageID      string    `json:"messageId"`
	Seq            int64     `json:"seq"`
	Role           Role      `json:"role"`
	Status         Status    `json:"status"`
	QuestionID     string    `json:"questionId,omitempty"`
	SupersededBy   string    `json:"supersededBy,omitempty"`
	At             time.Time `json:"at"`
}

// GenerationStart is the payload of generation_started.
type GenerationStart struct {
	ConversationID string    `json:"conversationId"`
	MessageID      string    `json:"messageId"`
	UserMessageID  string    `json:"userMessageId"`
	Model          string    `json:"model"`
	At             time.Time `json:"at"`
}

// GenerationEnd is the payload of generation_finished.
type GenerationEnd struct {
	ConversationID string    `json:"conversationId"`
	MessageID      string    `json:"messageId"`
	Status         Status    `json:"status"`
	FinishReason   string    `json:"finishReason,omitempty"`
	TokensUsed     int       `json:"tokensUsed"`
	Cost           *string   `json:"cost"`
	Estimated      bool      `json:"estimated"`
	At             time.Time `json:"at"`
}

// Reset is the payload of feed_reset.
type Reset struct {
	Reason string `json:"reason"`
}

// Created is the change that a new conversation is.
func (c Conversation) Created() Change {
	return c.change(ConversationCreated, &c, c.CreatedAt)
}

// Updated is the change of a conversation to what it is now.
func (c Conversation) Updated() Change {
	return c.change(ConversationUpdated, &c, c.UpdatedAt)
}

// Amended is the change of a conversation to what the server has made of it by
// itself, which is no activity: it has named it, or settled what it cost.
func (c Conversation) Amended(at time.Time) Change {
	return c.change(ConversationUpdated, &c, at)
}

// Deleted is the change that the end of a conversation is.
func (c Conversation) Deleted(at time.Time) Change {
	return c.change(ConversationDeleted, nil, at)
}

func (c Conversation) change(kind ChangeType, now *Conversation, at time.Time) Change {
	return change(kind, c.ID, "", at, ConversationChange{ConversationID: c.ID, Conversation: now, At: at})
}

// Created is the change that a new message is.
func (m *Message) Created() Change { return m.change(MessageCreated, m.CreatedAt) }

// Updated is the change of a message to what it is now.
func (m *Message) Updated(at time.Time) Change { return m.change(MessageUpdated, at) }

func (m *Message) change(kind ChangeType, at time.Time) Change {
	return change(kind, m.ConversationID, m.ID, at, MessageChange{
		ConversationID: m.ConversationID,
		MessageID:      m.ID,
		Seq:            m.Seq,
		Role:           m.Role,
		Status:         m.Status,
		QuestionID:     m.QuestionID,
		SupersededBy:   m.SupersededBy,
		At:             at,
	})
}

// Started is the change that an answer begins to be made.
func (m *Message) Started() Change {
	return change(GenerationStarted, m.ConversationID, m.ID, m.CreatedAt, GenerationStart{
		ConversationID: m.ConversationID,
		MessageID:      m.ID,
		UserMessageID:  m.QuestionID,
		Model:          m.ModelID,
		At:             m.CreatedAt,
	})
}

// Finished is the change that an answer is made.
func (m *Message) Finished() Change {
	return change(GenerationFinished, m.ConversationID, m.ID, m.UpdatedAt, GenerationEnd{
		ConversationID: m.ConversationID,
		MessageID:      m.ID,
		Status:         m.Status,
		FinishReason:   m.FinishReason,
		TokensUsed:     m.TokensUsed,
		Cost:           m.Cost,
		Estimated:      m.Estimated,
		At:             m.UpdatedAt,
	})
}

func change(kind ChangeType, conversationID, messageID string, at time.Time, payload any) Change {
	text, err := json.Marshal(payload)
	if err != nil {
		text = []byte("{}") // the payloads hold nothing that could not be marshalled
	}
	return Change{
		Type:           kind,
		ConversationID: conversationID,
		MessageID:      messageID,
		Data:           string(text),
		CreatedAt:      at,
	}
}
