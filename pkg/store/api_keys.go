package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/problem"
)

// apiKeyRow is auth.APIKey with its scopes as one text.
type apiKeyRow struct {
	ID, UserID, Name, Prefix, Hash string
	Scopes                         string
	ExpiresAt                      time.Time
	LastUsedAt                     *time.Time
	CreatedAt                      time.Time
}

func (apiKeyRow) TableName() string { return "api_keys" }

func apiKeyRowOf(key auth.APIKey) apiKeyRow {
	scopes := make([]string, len(key.Scopes))
	for i, scope := range key.Scopes {
		scopes[i] = string(scope)
	}
	return apiKeyRow{
		ID: key.ID, UserID: key.UserID, Name: key.Name, Prefix: key.Prefix, Hash: key.Hash,
		Scopes:    strings.Join(scopes, " "),
		ExpiresAt: stamp(key.ExpiresAt), LastUsedAt: stampIfSet(key.LastUsedAt), CreatedAt: stamp(key.CreatedAt),
	}
}

func (r apiKeyRow) key() auth.APIKey {
	var scopes []auth.Scope
	for scope := range strings.FieldsSeq(r.Scopes) {
		scopes = append(scopes, auth.Scope(scope))
	}
	return auth.APIKey{
		ID: r.ID, UserID: r.UserID, Name: r.Name, Prefix: r.Prefix, Hash: r.Hash,
		Scopes:    scopes,
		ExpiresAt: r.ExpiresAt, LastUsedAt: r.LastUsedAt, CreatedAt: r.CreatedAt,
	}
}

// CreateAPIKey stores a new key unless its owner has that many already.
func (s *Store) CreateAPIKey(ctx context.Context, key auth.APIKey, most int) error {
	row := apiKeyRowOf(key)
	err := s.write.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		if err := lockUser(tx, key.UserID); err != nil {
			return err
		}
		if err := makeRoom(tx, row, most); err != nil {
			return err
		}
		return tx.Create(&row).Error
	})
	return failure(ctx, err, "account")
}

// lockUser makes others wait who do the same, and nobody who only names the
// user.
func lockUser(tx *gorm.DB, userID string) error {
	return tx.Clauses(clause.Locking{Strength: "NO KEY UPDATE"}).
		Where("id = ?", userID).Take(new(auth.User)).Error
}

// makeRoom deletes what has expired once there are too many keys.
func makeRoom(tx *gorm.DB, row apiKeyRow, most int) error {
	var count int64
	err := tx.Model(&apiKeyRow{}).Where("user_id = ?", row.UserID).Count(&count).Error
	if err != nil || count < int64(most) {
		return err
	}
	done := tx.Where("user_id = ? AND expires_at <= ?", row.UserID, row.CreatedAt).Delete(&apiKeyRow{})
	if done.Error == nil && count-done.RowsAffected >= int64(most) {
		detail := fmt.Sprintf("You have %d API keys, which is the most. Delete one first.", most)
		return problem.Conflict.New(detail).With("limit", most)
	}
	return done.Error
}

// APIKeys returns the keys of the user, the newest first.
func (s *Store) APIKeys(ctx context.Context, userID string) ([]auth.APIKey, error) {
	var rows []apiKeyRow
	err := s.read.WithContext(ctx).Where("user_id = ?", userID).
		Order("created_at DESC, id DESC").Find(&rows).Error
	keys := make([]auth.APIKey, len(rows))
	for i, row := range rows {
		keys[i] = row.key()
	}
	return keys, failure(ctx, err, "API key")
}

// DeleteAPIKey deletes a key of the user.
func (s *Store) DeleteAPIKey(ctx context.Context, userID, id string) error {
	done := s.write.WithContext(ctx).Where("id = ? AND user_id = ?", id, userID).Delete(&apiKeyRow{})
	return failure(ctx, found(done), "API key")
}

// APIKeyByHash returns the key with this hash.
func (s *Store) APIKeyByHash(ctx context.Context, hash string) (auth.APIKey, error) {
	var row apiKeyRow
	err := s.read.WithContext(ctx).Where("hash = ?", hash).Take(&row).Error
	return row.key(), failure(ctx, err, "API key")
}

// TouchAPIKey notes that a key was used, unless a later use than since is noted
// already, by another instance too.
func (s *Store) TouchAPIKey(ctx context.Context, id string, now, since time.Time) error {
	done := s.write.WithContext(ctx).Exec(`UPDATE api_keys SET last_used_at = ?
		WHERE id = ? AND (last_used_at IS NULL OR last_used_at <= ?)`, stamp(now), id, stamp(since))
	return failure(ctx, done.Error, "API key")
}
