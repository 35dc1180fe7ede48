package store

import (
	"context"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"dreamchat/pkg/auth"
)

// PruneDevices deletes refresh tokens that were of no use before a time, and then
// the sessions that ended before it and have none left. A session outlives its
// tokens, so that none of them can bring it back.
func (s *Store) PruneDevices(ctx context.Context, before time.Time, limit int) (int, error) {
	before = stamp(before)
	tx := s.write.WithContext(ctx)
	tokens := tx.Model(&auth.RefreshToken{}).Where("expires_at < ? OR revoked_at < ?", before, before)
	done := deleteSome(tx, tokens, &auth.RefreshToken{}, limit)
	if done.Error != nil {
		return 0, failure(ctx, done.Error, "refresh token")
	}
	most := done.RowsAffected
	sessions := tx.Model(&sessionRow{}).Where("expires_at < ? OR revoked_at < ?", before, before).
		Where("NOT EXISTS (SELECT 1 FROM refresh_tokens WHERE family_id = sessions.id)")
	done = deleteSome(tx, sessions, &sessionRow{}, limit)
	return int(max(most, done.RowsAffected)), failure(ctx, done.Error, "session")
}

// deleteSome deletes at most limit rows that a query finds. Instances that do so
// at once each take what the others leave.
func deleteSome(tx, found *gorm.DB, row any, limit int) *gorm.DB {
	return tx.Where("id IN (?)", found.Select("id").Limit(limit).Clauses(skipLocked())).Delete(row)
}

// EraseAnswers forgets the answers of refresh tokens that were used before a time.
func (s *Store) EraseAnswers(ctx context.Context, before time.Time, limit int) (int, error) {
	tx := s.write.WithContext(ctx)
	old := tx.Model(&auth.RefreshToken{}).Select("id").
		Where("answer IS NOT NULL AND used_at < ?", stamp(before)).Limit(limit).Clauses(skipLocked())
	done := tx.Exec("UPDATE refresh_tokens SET answer = NULL WHERE id IN (?)", old)
	return int(done.RowsAffected), failure(ctx, done.Error, "refresh token")
}

func skipLocked() clause.Locking {
	return clause.Locking{Strength: clause.LockingStrengthUpdate, Options: clause.LockingOptionsSkipLocked}
}
