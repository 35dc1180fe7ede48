package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"dreamchat/migrations"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/problem"
)

// DueCharges takes charges that are due, each for one caller.
func (s *Store) DueCharges(ctx context.Context, limit int, lease time.Duration) ([]chat.Charge, error) {
	var due []chat.Charge
	now, lock := "strftime('%Y-%m-%d %H:%M:%f', 'now')", ""
	if s.dialect == migrations.Postgres {
		// Not clock_timestamp, which no index is searched for. Instances that look at
		// once each take what the others leave.
		now, lock = "statement_timestamp()", "FOR UPDATE SKIP LOCKED"
	}
	err := s.write.WithContext(ctx).Raw(`UPDATE charges
		SET settle_at = `+s.after()+`, settle_tries = settle_tries + 1
		WHERE id IN (SELECT id FROM charges WHERE settle_at <= `+now+` ORDER BY settle_at LIMIT ? `+lock+`)
		RETURNING *`, lease.Seconds(), limit).Scan(&due).Error
	return due, failure(ctx, err, "charge")
}

// PutOffCharge moves the time at which a taken charge is due; 0 gives it up.
func (s *Store) PutOffCharge(ctx context.Context, taken chat.Charge, wait time.Duration) error {
	done := s.write.WithContext(ctx).Exec(`UPDATE charges SET settle_at = `+s.after()+`
		WHERE id = ? AND user_id = ? AND settle_at IS NOT NULL AND settle_tries = ?`,
		seconds(wait), taken.ID, taken.UserID, taken.SettleTries)
	return failure(ctx, done.Error, "charge")
}

// SettleCharge puts what the provider counts in the place of what is stored.
func (s *Store) SettleCharge(ctx context.Context, taken chat.Charge, usage chat.Usage, now time.Time) error {
	err := s.write.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		return settleCharge(tx, taken, usage, stamp(now))
	})
	return failure(ctx, err, "charge")
}

// settleCharge locks in the order of finishAnswer. What is deleted meanwhile is
// left out; the charge is not.
func settleCharge(tx *gorm.DB, taken chat.Charge, usage chat.Usage, now time.Time) error {
	changes, err := settleMessage(tx, taken, usage, now)
	if err != nil {
		return err
	}
	done := tx.Exec(`UPDATE charges SET prompt_tokens = ?, completion_tokens = ?, reasoning_tokens = ?, tokens_used = ?,
			cost = ?, estimated = FALSE, settle_at = NULL, updated_at = ?
		WHERE id = ? AND user_id = ? AND settle_at IS NOT NULL AND settle_tries = ?`,
		usage.PromptTokens, usage.CompletionTokens, usage.ReasoningTokens, usage.TotalTokens,
		usage.Cost, now, taken.ID, taken.UserID, taken.SettleTries)
	switch {
	case done.Error != nil:
		return done.Error
	case done.RowsAffected == 0:
		return problem.Conflict.New("This charge is settled already, or taken by somebody else.")
	case len(changes) == 0:
		return nil
	}
	return record(tx, taken.UserID, changes...)
}

// settleMessage settles the answer that was charged, if it is there, and returns
// what the feed is to tell. It is no activity, so the conversation's time stays.
func settleMessage(tx *gorm.DB, taken chat.Charge, usage chat.Usage, now time.Time) ([]chat.Change, error) {
	if taken.MessageID == "" {
		return nil, nil
	}
	var conversation chat.Conversation
	done := tx.Raw(`UPDATE conversations SET total_tokens = total_tokens + ?
		WHERE id = ? AND user_id = ? RETURNING *`,
		usage.TotalTokens-taken.TokensUsed, taken.ConversationID, taken.UserID).Scan(&conversation)
	if done.Error != nil || done.RowsAffected == 0 {
		return nil, done.Error
	}
	var message messageRow
	done = tx.Raw(`UPDATE messages SET prompt_tokens = ?, completion_tokens = ?, reasoning_tokens = ?, tokens_used = ?,
			cost = ?, estimated = FALSE, updated_at = ?
		WHERE id = ? AND conversation_id = ? RETURNING `+toldColumns,
		usage.PromptTokens, usage.CompletionTokens, usage.ReasoningTokens, usage.TotalTokens,
		usage.Cost, now, taken.MessageID, taken.ConversationID).Scan(&message)
	if err := found(done); err != nil {
		return nil, err // a message goes with its conversation only
	}
	answer := chat.Message(message)
	return []chat.Change{answer.Updated(now), conversation.Amended(now)}, nil
}
