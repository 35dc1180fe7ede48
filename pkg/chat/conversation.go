package chat

import "time"

// Conversation is one thread of messages, owned by one user.
type Conversation struct {
	ID     string `json:"id"`
	UserID string `json:"-"`
	// ClientID is what the client that began the conversation calls it, if it has
	// an id of its own for it; unique for the user.
	ClientID   string `json:"clientId,omitempty"`
	Title      string `json:"title"` // empty until a person or the server names it
	ModelID    string `json:"modelId"`
	IsPinned   bool   `json:"isPinned"`
	IsArchived bool   `json:"isArchived"`
	// MessageCount counts the messages that stand: not the superseded ones.
	MessageCount int `json:"messageCount"`
	// TotalTokens is what all answers took, superseded ones too.
	TotalTokens int64 `json:"totalTokens"`
	// LastSeq is the position of the newest message, 0 for none.
	LastSeq   int64     `json:"lastSeq"`
	CreatedAt time.Time `json:"createdAt"`
	// UpdatedAt is the time of the last activity; lists are ordered by it.
	UpdatedAt time.Time `json:"updatedAt"`
}

// ConversationPatch holds the fields to change; nil ones stay.
type ConversationPatch struct {
	Title      *string
	ModelID    *string
	IsPinned   *bool
	IsArchived *bool
}

// ConversationQuery asks for a page of a user's conversations, pinned ones
// first, then newest activity first, ids breaking ties.
type ConversationQuery struct {
	Limit    int
	Offset   int
	Archived *bool  // nil for both
	Search   string // part of the title, any case; empty for all
}

// ConversationPage is a page of a list and the number of all that match.
type ConversationPage struct {
	Data   []Conversation `json:"data"`
	Total  int64          `json:"total"`
	Limit  int            `json:"limit"`
	Offset int            `json:"offset"`
}
