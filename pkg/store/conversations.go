package store

import (
	"context"
	"errors"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/problem"
)

// conversationRow adds what searches look in, see lower.
type conversationRow struct {
	chat.Conversation
	TitleLower string
}

func (conversationRow) TableName() string { return "conversations" }

// lower is how both dialects compare without case: what SQL folds depends on
// the dialect and on the server's locale.
func lower(text string) string { return strings.ToLower(text) }

// CreateConversation stores a new conversation. An owner without an account is
// problem.NotFound, a ClientID that is in use problem.AlreadyExists.
func (s *Store) CreateConversation(ctx context.Context, conversation chat.Conversation) error {
	conversation.CreatedAt = stamp(conversation.CreatedAt)
	conversation.UpdatedAt = stamp(conversation.UpdatedAt)
	row := conversationRow{Conversation: conversation, TitleLower: lower(conversation.Title)}
	err := s.write.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		if err := tx.Create(&row).Error; err != nil {
			return err
		}
		return recordNew(tx, conversation.UserID, conversation.Created())
	})
	switch {
	case errors.Is(err, gorm.ErrForeignKeyViolated):
		return problem.NotFound.Because(err, "There is no such account.")
	case errors.Is(err, gorm.ErrDuplicatedKey):
		return problem.AlreadyExists.Because(err, "There is a conversation with this id already.")
	}
	return failure(ctx, err, "conversation")
}

// Conversation returns one conversation of the user.
func (s *Store) Conversation(ctx context.Context, userID, id string) (chat.Conversation, error) {
	conversation, err := conversation(s.read.WithContext(ctx), userID, id)
	return conversation, failure(ctx, err, "conversation")
}

func conversation(tx *gorm.DB, userID, id string) (chat.Conversation, error) {
	var found chat.Conversation
	err := tx.Where("id = ? AND user_id = ?", id, userID).Take(&found).Error
	return found, err
}

// ConversationOf returns the conversation of the user with this id, or else the
// one that a client calls so.
func (s *Store) ConversationOf(ctx context.Context, userID, name string) (chat.Conversation, error) {
	tx := s.read.WithContext(ctx)
	found, err := conversation(tx, userID, name)
	if errors.Is(err, gorm.ErrRecordNotFound) {
		err = tx.Where("user_id = ? AND client_id = ? AND client_id <> ''", userID, name).Take(&found).Error
	}
	return found, failure(ctx, err, "conversation")
}

// Conversations returns a page of the user's conversations and the number of
// all that match.
func (s *Store) Conversations(
	ctx context.Context, userID string, query chat.ConversationQuery,
) ([]chat.Conversation, int64, error) {
	page := make([]chat.Conversation, 0, query.Limit)
	err := matching(s.read.WithContext(ctx), userID, query).
		Order("is_pinned DESC, updated_at DESC, id DESC").
		Limit(query.Limit).Offset(query.Offset).Find(&page).Error
	if err != nil {
		return nil, 0, failure(ctx, err, "conversation")
	}
	if n := len(page); n < query.Limit && (n > 0 || query.Offset == 0) {
		return page, int64(query.Offset + n), nil // the page ends where the list does
	}
	var total int64
	err = matching(s.read.WithContext(ctx), userID, query).Count(&total).Error
	return page, total, failure(ctx, err, "conversation")
}

func matching(tx *gorm.DB, userID string, query chat.ConversationQuery) *gorm.DB {
	tx = tx.Model(&chat.Conversation{}).Where("user_id = ?", userID)
	if query.Archived != nil {
		tx = tx.Where("is_archived = ?", *query.Archived)
	}
	if query.Search != "" {
		tx = tx.Where("title_lower LIKE ? ESCAPE '!'", containing(query.Search))
	}
	return tx
}

// UpdateConversation applies the patch, moves UpdatedAt to now and returns the
// conversation as it is then.
func (s *Store) UpdateConversation(
	ctx context.Context, userID, id string, patch chat.ConversationPatch, now time.Time,
) (chat.Conversation, error) {
	var updated chat.Conversation
	err := s.write.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		done := tx.Model(&updated).Clauses(clause.Returning{}).
			Where("id = ? AND user_id = ?", id, userID).
			Updates(patchColumns(patch, now))
		if err := found(done); err != nil {
			return err
		}
		return record(tx, userID, updated.Updated())
	})
	if err != nil {
		return chat.Conversation{}, failure(ctx, err, "conversation")
	}
	return updated, nil
}

func patchColumns(patch chat.ConversationPatch, now time.Time) map[string]any {
	columns := map[string]any{"updated_at": stamp(now)}
	if patch.Title != nil {
		columns["title"] = *patch.Title
		columns["title_lower"] = lower(*patch.Title)
	}
	if patch.ModelID != nil {
		columns["model_id"] = *patch.ModelID
	}
	if patch.IsPinned != nil {
		columns["is_pinned"] = *patch.IsPinned
	}
	if patch.IsArchived != nil {
		columns["is_archived"] = *patch.IsArchived
	}
	return columns
}

// TitleConversation names a conversation of the user that has no title; one that
// has is problem.Conflict. UpdatedAt stays.
func (s *Store) TitleConversation(
	ctx context.Context, userID, id, title string, now time.Time,
) (chat.Conversation, error) {
	var titled chat.Conversation
	err := s.write.WithContext(ctx).Transaction(func(tx *gorm.DB) (err error) {
		if titled, err = titleConversation(tx, userID, id, title); err != nil {
			return err
		}
		return record(tx, userID, titled.Amended(stamp(now)))
	})
	if err != nil {
		return chat.Conversation{}, failure(ctx, err, "conversation")
	}
	return titled, nil
}

func titleConversation(tx *gorm.DB, userID, id, title string) (chat.Conversation, error) {
	var titled chat.Conversation
	// Not Updates, which would put its own time into updated_at.
	done := tx.Model(&titled).Clauses(clause.Returning{}).
		Where("id = ? AND user_id = ? AND title = ''", id, userID).
		UpdateColumns(map[string]any{"title": title, "title_lower": lower(title)})
	if done.Error != nil || done.RowsAffected > 0 {
		return titled, done.Error
	}
	if _, err := conversation(tx, userID, id); err != nil {
		return chat.Conversation{}, err
	}
	return chat.Conversation{}, problem.Conflict.New("The conversation has a title already.")
}

// DeleteConversation deletes it with everything in it, also while an answer is
// being made.
func (s *Store) DeleteConversation(ctx context.Context, userID, id string, now time.Time) error {
	err := s.write.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		done := tx.Where("id = ? AND user_id = ?", id, userID).Delete(&chat.Conversation{})
		if err := found(done); err != nil {
			return err
		}
		return record(tx, userID, chat.Conversation{ID: id}.Deleted(stamp(now)))
	})
	return failure(ctx, err, "conversation")
}
