package store

import (
	"context"
	"math"
	"time"

	"gorm.io/gorm"

	"dreamchat/pkg/chat"
)

// messageRow is chat.Message, told how to store metadata: GORM would take the
// map for a relation. The compiler checks that nothing else differs.
type messageRow struct {
	ID               string
	ConversationID   string
	Seq              int64
	Role             chat.Role
	Content          string
	Reasoning        string
	Status           chat.Status
	ModelID          string
	FinishReason     string
	PromptTokens     int
	CompletionTokens int
	ReasoningTokens  int
	TokensUsed       int
	Cost             *string
	Estimated        bool
	GenerationID     string
	Error            *chat.Failure
	Metadata         chat.Metadata `gorm:"type:json"`
	QuestionID       string
	ClientID         string
	Replaces         string
	SupersededBy     string
	Attempt          int
	LastEventSeq     int
	Marks            []byte
	ReasoningDetails *string
	Owner            string
	StopRequested    bool
	IdempotencyKey   string
	RequestHash      string
	CreatedAt        time.Time
	UpdatedAt        time.Time
}

// largeColumn is of use to models alone.
const largeColumn = "reasoning_details"

func (messageRow) TableName() string { return "messages" }

func messagesOf(rows []messageRow) []chat.Message {
	all := make([]chat.Message, len(rows))
	for i, row := range rows {
		all[i] = chat.Message(row)
	}
	return all
}

// Message returns one message of the user, superseded or not.
func (s *Store) Message(ctx context.Context, userID, id string) (chat.Message, error) {
	var found messageRow
	err := s.read.WithContext(ctx).Omit(largeColumn).
		Where("id = ? AND EXISTS (SELECT 1 FROM conversations WHERE id = messages.conversation_id AND user_id = ?)",
			id, userID).
		Take(&found).Error
	return chat.Message(found), failure(ctx, err, "message")
}

// Messages returns what the query asks for. Its cost does not depend on where
// in the conversation the page lies: it seeks on (conversation_id, seq).
func (s *Store) Messages(
	ctx context.Context, userID, conversationID string, query chat.MessageQuery,
) ([]chat.Message, error) {
	tx := s.read.WithContext(ctx)
	page, err := messages(tx, userID, conversationID, query)
	if err == nil && len(page) == 0 {
		_, err = conversation(tx, userID, conversationID)
	}
	return page, failure(ctx, err, "conversation")
}

// messages is empty for a conversation that is empty, unknown, or not the
// user's.
func messages(tx *gorm.DB, userID, conversationID string, query chat.MessageQuery) ([]chat.Message, error) {
	before, order := query.Before, "seq DESC"
	if before == 0 {
		before = math.MaxInt64
	}
	if query.Order == chat.OldestFirst {
		order = "seq"
	}
	if !query.Superseded {
		tx = tx.Where("superseded_by = ''")
	}
	page := make([]messageRow, 0, query.Limit)
	err := tx.Omit(largeColumn).Where("conversation_id = ? AND seq > ? AND seq < ?", conversationID, query.After, before).
		Where("EXISTS (SELECT 1 FROM conversations WHERE id = ? AND user_id = ?)", conversationID, userID).
		Order(order).Limit(query.Limit).Find(&page).Error
	return messagesOf(page), err
}
