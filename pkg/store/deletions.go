package store

import (
	"context"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"dreamchat/pkg/chat"
)

// BeginDeletion marks an account that is to be deleted.
func (s *Store) BeginDeletion(ctx context.Context, userID string, now time.Time) error {
	done := s.write.WithContext(ctx).Exec(
		"UPDATE users SET deleting_at = COALESCE(deleting_at, ?) WHERE id = ?", stamp(now), userID)
	return failure(ctx, found(done), "account")
}

// Deletions returns the accounts that are marked.
func (s *Store) Deletions(ctx context.Context, limit int) ([]string, error) {
	var ids []string
	err := s.read.WithContext(ctx).Table("users").Where("deleting_at IS NOT NULL").
		Order("deleting_at").Limit(limit).Pluck("id", &ids).Error
	return ids, failure(ctx, err, "account")
}

// RunningOf returns the running answers of an account.
func (s *Store) RunningOf(ctx context.Context, userID string) ([]string, error) {
	var ids []string
	err := owned(s.read.WithContext(ctx), userID).Where("status = 'streaming'").Pluck("id", &ids).Error
	return ids, failure(ctx, err, "answer")
}

// MessagesOf returns the ids of messages of an account.
func (s *Store) MessagesOf(ctx context.Context, userID string, limit int) ([]string, error) {
	var ids []string
	err := owned(s.read.WithContext(ctx), userID).Limit(limit).Pluck("id", &ids).Error
	return ids, failure(ctx, err, "message")
}

// owned are the messages of an account.
func owned(tx *gorm.DB, userID string) *gorm.DB {
	return tx.Model(&messageRow{}).Where("conversation_id IN (SELECT id FROM conversations WHERE user_id = ?)", userID)
}

// DeleteMessages deletes those of the messages that belong to the account.
func (s *Store) DeleteMessages(ctx context.Context, userID string, ids []string) error {
	done := owned(s.write.WithContext(ctx), userID).Where("id IN ?", ids).Delete(&messageRow{})
	return failure(ctx, done.Error, "message")
}

// belongings are the tables with what belongs to an account and may be much, with
// what identifies a row. What is left, and any other table, goes with the account.
func belongings() map[string]string {
	return map[string]string{
		"conversations":  "id",
		"charges":        "id",
		"changes":        "user_id, seq",
		"refresh_tokens": "id",
		"sessions":       "id",
		"api_keys":       "id",
	}
}

// DeleteBelongings deletes at most limit rows of each table.
func (s *Store) DeleteBelongings(ctx context.Context, userID string, limit int) (more bool, err error) {
	tx := s.write.WithContext(ctx)
	for table, key := range belongings() {
		// Instances that work at the same account each take what the others leave.
		some := tx.Table(table).Select(key).
			Where("user_id = (SELECT id FROM users WHERE id = ? AND deleting_at IS NOT NULL)", userID).Limit(limit).
			Clauses(clause.Locking{Strength: clause.LockingStrengthUpdate, Options: clause.LockingOptionsSkipLocked})
		done := tx.Exec("DELETE FROM "+table+" WHERE ("+key+") IN (?)", some)
		if done.Error != nil {
			return false, failure(ctx, done.Error, "account")
		}
		more = more || done.RowsAffected == int64(limit)
	}
	return more, nil
}

// DeleteAccount deletes a marked account with what may be left of it.
func (s *Store) DeleteAccount(ctx context.Context, userID string) error {
	done := s.write.WithContext(ctx).Exec("DELETE FROM users WHERE id = ? AND deleting_at IS NOT NULL", userID)
	return failure(ctx, done.Error, "account")
}

var _ chat.DeletionStore = (*Store)(nil)
