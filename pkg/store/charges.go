package store

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/problem"
)

// SaveCharge stores a charge, or what an open one is now.
func (s *Store) SaveCharge(ctx context.Context, charge chat.Charge) error {
	err := s.saveCharge(s.write.WithContext(ctx), charge)
	if errors.Is(err, gorm.ErrForeignKeyViolated) {
		return problem.NotFound.Because(err, "There is no such account.")
	}
	return failure(ctx, err, "charge")
}

// saveCharge leaves one that is closed as it is: it may be settled by now.
func (s *Store) saveCharge(tx *gorm.DB, charge chat.Charge) error {
	return tx.Exec(`INSERT INTO charges (
			id, user_id, kind, conversation_id, message_id, provider, model_id, generation_id,
			prompt_tokens, completion_tokens, reasoning_tokens, tokens_used, cost, estimated, reserved, state,
			settle_at, settle_tries, created_at, updated_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, `+s.after()+`, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET
			provider = excluded.provider, model_id = excluded.model_id, generation_id = excluded.generation_id,
			prompt_tokens = excluded.prompt_tokens, completion_tokens = excluded.completion_tokens,
			reasoning_tokens = excluded.reasoning_tokens, tokens_used = excluded.tokens_used,
			cost = excluded.cost, estimated = excluded.estimated, reserved = excluded.reserved, state = excluded.state,
			settle_at = excluded.settle_at, updated_at = excluded.updated_at
		WHERE charges.user_id = excluded.user_id AND charges.state = 'open'`,
		charge.ID, charge.UserID, charge.Kind, charge.ConversationID, charge.MessageID,
		charge.Provider, charge.ModelID, charge.GenerationID,
		charge.PromptTokens, charge.CompletionTokens, charge.ReasoningTokens, charge.TokensUsed,
		charge.Cost, charge.Estimated, charge.Reserved, charge.State,
		seconds(charge.SettleIn), charge.SettleTries, stamp(charge.CreatedAt), stamp(charge.UpdatedAt)).Error
}

// seconds is null for never, and so is the time that [Store.after] makes of it.
func seconds(wait time.Duration) *float64 {
	if wait == 0 {
		return nil
	}
	return new(wait.Seconds())
}
