package chat

import "time"

// Role is who speaks.
type Role string

// The roles.
const (
	RoleSystem    Role = "system"
	RoleUser      Role = "user"
	RoleAssistant Role = "assistant"
)

// Status is how far a message is. All but Streaming are final.
type Status string

// The statuses.
const (
	StatusStreaming   Status = "streaming"   // being made
	StatusComplete    Status = "complete"    // whole
	StatusStopped     Status = "stopped"     // ended early by its owner
	StatusFailed      Status = "failed"      // ended early by the provider
	StatusInterrupted Status = "interrupted" // ended early by our server
)

// Reasons of an answer's end, as the stream tells them.
const (
	FinishStop          = "stop"
	FinishLength        = "length"
	FinishContentFilter = "content_filter"
	FinishStopped       = "stopped"
)

// Message is one turn: a question of a user or an answer of a model.
type Message struct {
	ID             string `json:"id"`
	ConversationID string `json:"conversationId"`
	// Seq is the position in the conversation: strictly increasing, unique.
	Seq       int64  `json:"seq"`
	Role      Role   `json:"role"`
	Content   string `json:"content"`
	Reasoning string `json:"reasoning,omitempty"`
	Status    Status `json:"status"`
	// ModelID is the model that answers; empty for questions.
	ModelID          string `json:"modelId,omitempty"`
	FinishReason     string `json:"finishReason,omitempty"`
	PromptTokens     int    `json:"promptTokens"`
	CompletionTokens int    `json:"completionTokens"`
	// ReasoningTokens is the part of CompletionTokens spent on reasoning.
	ReasoningTokens int `json:"reasoningTokens"`
	// TokensUsed is the sum of prompt and completion.
	TokensUsed int `json:"tokensUsed"`
	// Cost is an exact decimal in USD; nil while nobody knows it.
	Cost *string `json:"cost"`
	// Estimated is set if the tokens or the cost are our estimate: what the
	// provider counts may take their place later.
	Estimated bool `json:"estimated"`
	// GenerationID is the provider's name for the generation.
	GenerationID string `json:"generationId,omitempty"`
	// Error says why a failed or interrupted answer ended.
	Error    *Failure `json:"error,omitempty"`
	Metadata Metadata `json:"metadata,omitempty"`
	// QuestionID is the message that an answer answers.
	QuestionID string `json:"questionId,omitempty"`
	// ClientID is what the client that sent a question calls it, if it has an id of
	// its own for it. Of several questions of that id, one at most stands.
	ClientID string `json:"clientId,omitempty"`
	// Replaces is the message whose place this one takes: a question takes that of
	// an earlier one, and of all that followed it, as it is sent; an answer that
	// is made again takes that of the earlier one once it stands.
	Replaces string `json:"replaces,omitempty"`
	// SupersededBy is what stands, or stood, in this message's place: another
	// version of the answer, or the question that replaced this message or one
	// before it.
	SupersededBy string `json:"supersededBy,omitempty"`
	// Attempt counts the streams of an answer; it is the first part of an
	// event's id. A question has none.
	Attempt int `json:"attempt,omitempty"`
	// LastEventSeq is the number of the last event of the stream so far.
	LastEventSeq int `json:"lastEventSeq,omitempty"`
	// Marks tells how the text was cut into events; see [Message.Events].
	Marks []byte `json:"-"`
	// ReasoningDetails is what the model's provider wants back, unchanged, with the
	// turn of this answer: a JSON list. Only History reads it.
	ReasoningDetails *string `json:"-"`
	// Owner is the instance that makes the answer.
	Owner string `json:"-"`
	// StopRequested is set when another instance was asked to stop the answer.
	StopRequested bool `json:"-"`
	// IdempotencyKey and RequestHash recognise a request that is sent again.
	// They stand on the answer; an empty key means none.
	IdempotencyKey string    `json:"-"`
	RequestHash    string    `json:"-"`
	CreatedAt      time.Time `json:"createdAt"`
	UpdatedAt      time.Time `json:"updatedAt"`
}

// Order is the direction of a page of messages.
type Order string

// The orders.
const (
	NewestFirst Order = "desc"
	OldestFirst Order = "asc"
)

// MessageQuery asks for messages of one conversation by position. It returns
// at most Limit messages with After < seq < Before, in Order. A zero Before is
// no bound.
type MessageQuery struct {
	After  int64
	Before int64
	Order  Order
	Limit  int
	// Superseded asks for the superseded messages too.
	Superseded bool
}

// MessagePage is one page of a conversation and the way to its neighbours.
type MessagePage struct {
	Data []Message `json:"data"`
	// NextCursor continues in the page's order, PrevCursor goes against it.
	NextCursor *string `json:"nextCursor"`
	PrevCursor *string `json:"prevCursor"`
	// HasMore tells whether anything follows in the page's order now.
	HasMore bool `json:"hasMore"`
}
