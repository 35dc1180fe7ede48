package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"dreamchat/migrations"
	"dreamchat/pkg/auth"
)

// signingKeyRow is auth.SigningKey.
type signingKeyRow struct{ auth.SigningKey }

func (signingKeyRow) TableName() string { return "signing_keys" }

// SigningKeys returns every key.
func (s *Store) SigningKeys(ctx context.Context) ([]auth.SigningKey, error) {
	keys, err := signingKeys(s.read.WithContext(ctx))
	return keys, failure(ctx, err, "signing key")
}

func signingKeys(tx *gorm.DB) ([]auth.SigningKey, error) {
	var keys []auth.SigningKey
	err := tx.Table("signing_keys").Order("retires_at IS NULL DESC, signs_at DESC").Find(&keys).Error
	return keys, err
}

// ChangeSigningKeys stores what change makes of the keys in place of them.
func (s *Store) ChangeSigningKeys(
	ctx context.Context, change func([]auth.SigningKey) ([]auth.SigningKey, error),
) error {
	err := s.write.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		if err := s.lockSigningKeys(tx); err != nil {
			return err
		}
		stored, err := signingKeys(tx)
		if err != nil {
			return err
		}
		changed, err := change(stored)
		if err != nil {
			return err
		}
		return saveSigningKeys(tx, changed)
	})
	return failure(ctx, err, "signing key")
}

// lockSigningKeys makes other changes wait, but nobody who reads. SQLite has one
// writer anyway.
func (s *Store) lockSigningKeys(tx *gorm.DB) error {
	if s.dialect != migrations.Postgres {
		return nil
	}
	return tx.Exec("LOCK TABLE signing_keys IN SHARE ROW EXCLUSIVE MODE").Error
}

func saveSigningKeys(tx *gorm.DB, keys []auth.SigningKey) error {
	if err := tx.Exec("DELETE FROM signing_keys").Error; err != nil {
		return err
	}
	rows := make([]signingKeyRow, len(keys))
	for i, key := range keys {
		key.CreatedAt, key.SignsAt, key.RetiresAt = stamp(key.CreatedAt), stamp(key.SignsAt), stampIfSet(key.RetiresAt)
		rows[i] = signingKeyRow{key}
	}
	return tx.Create(&rows).Error
}

// PruneSigningKeys deletes the keys that are retired by now.
func (s *Store) PruneSigningKeys(ctx context.Context, now time.Time) error {
	done := s.write.WithContext(ctx).Exec("DELETE FROM signing_keys WHERE retires_at <= ?", stamp(now))
	return failure(ctx, done.Error, "signing key")
}
