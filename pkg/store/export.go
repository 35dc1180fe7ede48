package store

import (
	"context"

	"gorm.io/gorm"

	"dreamchat/pkg/chat"
)

// ConversationsAfter returns conversations of the user behind an id, archived or not.
func (s *Store) ConversationsAfter(ctx context.Context, userID, after string, limit int) ([]chat.Conversation, error) {
	var page []chat.Conversation
	err := behind(s.read.WithContext(ctx), userID, after, limit).Find(&page).Error
	return page, failure(ctx, err, "conversation")
}

// ChargesAfter returns charges of the user behind an id.
func (s *Store) ChargesAfter(ctx context.Context, userID, after string, limit int) ([]chat.Charge, error) {
	var page []chat.Charge
	err := behind(s.read.WithContext(ctx), userID, after, limit).Find(&page).Error
	return page, failure(ctx, err, "charge")
}

func behind(tx *gorm.DB, userID, after string, limit int) *gorm.DB {
	return tx.Where("user_id = ? AND id > ?", userID, after).Order("id").Limit(limit)
}
