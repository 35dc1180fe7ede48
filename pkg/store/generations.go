package store

import (
	"context"
	"slices"
	"time"

	"gorm.io/gorm"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/problem"
)

// History returns the newest messages before a position that stand, have a text
// and are not streaming, oldest first.
func (s *Store) History(ctx context.Context, conversationID string, before int64, limit int) ([]chat.Message, error) {
	rows := make([]messageRow, 0, limit)
	err := s.read.WithContext(ctx).
		Where("conversation_id = ? AND seq < ?", conversationID, before).
		Where("superseded_by = '' AND content <> '' AND status <> 'streaming'").
		Order("seq DESC").Limit(limit).Find(&rows).Error
	slices.Reverse(rows)
	return messagesOf(rows), failure(ctx, err, "conversation")
}

// FinishAnswer saves the final state of an answer, unless the stored one is
// closed, deleted or in another attempt: then it is problem.Conflict.
func (s *Store) FinishAnswer(ctx context.Context, attempt int, answer chat.Message) (chat.Conversation, error) {
	var conversation chat.Conversation
	err := s.write.WithContext(ctx).Transaction(func(tx *gorm.DB) (err error) {
		conversation, err = finishAnswer(tx, attempt, answer)
		return err
	})
	if err != nil {
		return chat.Conversation{}, failure(ctx, err, "answer")
	}
	return conversation, nil
}

// finishAnswer locks the conversation before the message, as a beginning and a
// deletion do; the other way round it could meet one of them in a deadlock.
func finishAnswer(tx *gorm.DB, attempt int, answer chat.Message) (chat.Conversation, error) {
	answer.UpdatedAt = stamp(answer.UpdatedAt)
	superseded := 0
	if answer.Replaces != "" {
		superseded = 1 // this answer or the other; until now both stood
	}
	var settled chat.Conversation
	done := tx.Raw(`UPDATE conversations
		SET total_tokens = total_tokens + ?, message_count = message_count - ?, updated_at = ?
		WHERE id = ? RETURNING *`,
		answer.TokensUsed, superseded, answer.UpdatedAt, answer.ConversationID).Scan(&settled)
	if done.Error != nil {
		return settled, done.Error
	}
	if done.RowsAffected == 0 {
		return settled, errClosed()
	}
	replaces := answer.Replaces != "" && stands(answer)
	if answer.Replaces != "" && !replaces {
		answer.SupersededBy = answer.Replaces
	}
	// Not Updates, which would put its own time into updated_at.
	done = tx.Model(&messageRow{}).Select(finalColumns()).
		Where("id = ? AND attempt = ? AND status = 'streaming'", answer.ID, attempt).
		UpdateColumns(messageRow(answer))
	if done.Error != nil {
		return settled, done.Error
	}
	if done.RowsAffected == 0 {
		return settled, errClosed()
	}
	if replaces {
		err := tx.Model(&messageRow{}).
			Where("id = ? AND conversation_id = ?", answer.Replaces, answer.ConversationID).
			UpdateColumn("superseded_by", answer.ID).Error
		return settled, err
	}
	return settled, nil
}

func errClosed() error {
	return problem.Conflict.New("This answer is closed already.")
}

// stands tells whether a finished answer is worth the place of an earlier one.
func stands(answer chat.Message) bool {
	return answer.Status == chat.StatusComplete ||
		answer.Status == chat.StatusStopped && answer.Content != ""
}

func finalColumns() []string {
	return []string{
		"content", "reasoning", "status", "model_id", "finish_reason",
		"prompt_tokens", "completion_tokens", "reasoning_tokens", "tokens_used", "cost", "generation_id",
		"error", "metadata", "superseded_by", "attempt", "last_event_seq", "marks", "updated_at",
	}
}

// abandonedRow is an answer with the owner of its conversation.
type abandonedRow struct {
	Answer messageRow `gorm:"embedded"`
	UserID string
}

// AbandonedAnswers returns streaming answers of this owner, and those of anybody
// that were not heard of since before.
func (s *Store) AbandonedAnswers(
	ctx context.Context, owner string, before time.Time, limit int,
) ([]chat.Abandoned, error) {
	var rows []abandonedRow
	err := s.read.WithContext(ctx).Raw(`SELECT messages.*, conversations.user_id
		FROM messages JOIN conversations ON conversations.id = messages.conversation_id
		WHERE messages.status = 'streaming' AND (messages.owner = ? OR messages.updated_at < ?)
		ORDER BY messages.id LIMIT ?`, owner, stamp(before), limit).Scan(&rows).Error
	abandoned := make([]chat.Abandoned, len(rows))
	for i, row := range rows {
		abandoned[i] = chat.Abandoned{UserID: row.UserID, Answer: chat.Message(row.Answer)}
	}
	return abandoned, failure(ctx, err, "answer")
}
