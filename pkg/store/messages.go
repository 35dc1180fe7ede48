package store

import (
	"context"
	"math"

	"gorm.io/gorm"

	"dreamchat/pkg/chat"
)

// Message returns one message of the user, superseded or not.
func (s *Store) Message(ctx context.Context, userID, id string) (chat.Message, error) {
	var found chat.Message
	err := s.read.WithContext(ctx).
		Where("id = ? AND conversation_id IN (SELECT id FROM conversations WHERE user_id = ?)", id, userID).
		Take(&found).Error
	return found, failure(ctx, err, "message")
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
	page := make([]chat.Message, 0, query.Limit)
	err := tx.Where("conversation_id = ? AND seq > ? AND seq < ? AND superseded_by = ''", conversationID, query.After, before).
		Where("EXISTS (SELECT 1 FROM conversations WHERE id = ? AND user_id = ?)", conversationID, userID).
		Order(order).Limit(query.Limit).Find(&page).Error
	return page, err
}
