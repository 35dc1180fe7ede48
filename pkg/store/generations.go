package store

import (
	"context"
	"slices"

	"gorm.io/gorm"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/problem"
)

// FinishAnswer saves the final state of an answer, unless the stored one is
// closed, deleted or in another attempt: then it is problem.Conflict.
func (s *Store) FinishAnswer(
	ctx context.Context, attempt int, answer chat.Message, charge chat.Charge,
) (chat.Conversation, error) {
	return s.finish(ctx, answer, charge, "attempt = ?", attempt)
}

// CloseAnswer saves the final state of an answer that another process has begun,
// unless anything was written to it since it was stored like this.
func (s *Store) CloseAnswer(ctx context.Context, stored, answer chat.Message, charge chat.Charge) error {
	_, err := s.finish(ctx, answer, charge, "attempt = ? AND updated_at = ?", stored.Attempt, stored.UpdatedAt)
	return err
}

// finish saves the answer with its charge if the condition holds of the stored one.
func (s *Store) finish(
	ctx context.Context, answer chat.Message, charge chat.Charge, condition string, args ...any,
) (chat.Conversation, error) {
	var settled chat.Conversation
	err := s.write.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		conversation, changes, err := finishAnswer(tx, answer, tx.Where(condition, args...))
		if err != nil {
			return err
		}
		charge.UserID = conversation.UserID
		if err := s.saveCharge(tx, charge); err != nil {
			return err
		}
		settled = conversation
		return record(tx, conversation.UserID, changes...)
	})
	if err != nil {
		return chat.Conversation{}, failure(ctx, err, "answer")
	}
	return settled, nil
}

// finishAnswer locks the conversation before the message, as a beginning and a
// deletion do; the other way round it could meet one of them in a deadlock. It
// returns the changes to be recorded.
func finishAnswer(
	tx *gorm.DB, answer chat.Message, unchanged *gorm.DB,
) (chat.Conversation, []chat.Change, error) {
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
		return settled, nil, done.Error
	}
	if done.RowsAffected == 0 {
		return settled, nil, errClosed()
	}
	replaces := answer.Replaces != "" && stands(answer)
	if answer.Replaces != "" && !replaces {
		answer.SupersededBy = answer.Replaces
	}
	// Not Updates, which would put its own time into updated_at.
	done = tx.Model(&messageRow{}).Select(finalColumns()).
		Where("id = ? AND status = 'streaming'", answer.ID).Where(unchanged).
		UpdateColumns(messageRow(answer))
	if done.Error != nil {
		return settled, nil, done.Error
	}
	if done.RowsAffected == 0 {
		return settled, nil, errClosed()
	}
	changes := []chat.Change{answer.Updated(answer.UpdatedAt)}
	if replaces {
		old, err := supersede(tx, answer)
		if err != nil {
			return settled, nil, err
		}
		changes = append(changes, old.Updated(answer.UpdatedAt))
	}
	return settled, append(changes, answer.Finished(), settled.Updated()), nil
}

// supersede puts an answer in the place of the one that it replaces, and
// returns that one without its text.
func supersede(tx *gorm.DB, answer chat.Message) (chat.Message, error) {
	var old messageRow
	done := tx.Raw(`UPDATE messages SET superseded_by = ? WHERE id = ? AND conversation_id = ? RETURNING `+toldColumns,
		answer.ID, answer.Replaces, answer.ConversationID).Scan(&old)
	return chat.Message(old), found(done)
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
		"prompt_tokens", "completion_tokens", "reasoning_tokens", "tokens_used", "cost", "estimated", "generation_id",
		"error", "metadata", "superseded_by", "attempt", "last_event_seq", "marks", "reasoning_details", "updated_at",
	}
}

// RunningAnswers returns answers that are streaming, ordered by id, save those of
// accounts that are being deleted.
func (s *Store) RunningAnswers(ctx context.Context, after string, limit int) ([]chat.Running, error) {
	var running []chat.Running
	err := s.read.WithContext(ctx).Raw(`SELECT conversations.user_id, messages.id AS message_id,
			messages.owner, messages.updated_at
		FROM messages JOIN conversations ON conversations.id = messages.conversation_id
		WHERE messages.status = 'streaming' AND messages.id > ?
			AND conversations.user_id NOT IN (SELECT id FROM users WHERE deleting_at IS NOT NULL)
		ORDER BY messages.id LIMIT ?`, after, limit).Scan(&running).Error
	return running, failure(ctx, err, "answer")
}

// RequestStop marks a running answer of the user to be stopped.
func (s *Store) RequestStop(ctx context.Context, userID, messageID string) (bool, error) {
	done := s.write.WithContext(ctx).Model(&messageRow{}).
		Where("id = ? AND status = 'streaming'", messageID).
		Where("EXISTS (SELECT 1 FROM conversations WHERE id = messages.conversation_id AND user_id = ?)", userID).
		UpdateColumn("stop_requested", true)
	return done.RowsAffected > 0, failure(ctx, done.Error, "answer")
}

// RequestStops marks all running answers of the user to be stopped.
func (s *Store) RequestStops(ctx context.Context, userID string) ([]string, error) {
	var owners []string
	err := s.write.WithContext(ctx).Raw(`UPDATE messages SET stop_requested = TRUE
		WHERE status = 'streaming' AND conversation_id IN (SELECT id FROM conversations WHERE user_id = ?)
		RETURNING owner`, userID).Scan(&owners).Error
	slices.Sort(owners)
	return slices.Compact(owners), failure(ctx, err, "answer")
}

// StopRequests returns the owner's running answers to be stopped.
func (s *Store) StopRequests(ctx context.Context, owner string, limit int) ([]chat.StopRequest, error) {
	var stops []chat.StopRequest
	err := s.read.WithContext(ctx).Raw(`SELECT messages.id AS message_id,
			users.suspended_at IS NOT NULL AS suspended, users.deleting_at IS NOT NULL AS deleting
		FROM messages JOIN conversations ON conversations.id = messages.conversation_id
		JOIN users ON users.id = conversations.user_id
		WHERE messages.status = 'streaming' AND messages.owner = ? AND messages.stop_requested
		LIMIT ?`, owner, limit).Scan(&stops).Error
	return stops, failure(ctx, err, "answer")
}
