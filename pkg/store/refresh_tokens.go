package store

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/problem"
)

// errReused ends a rotation that must be remembered rather than rolled back.
var errReused = errors.New("store: refresh token used twice")

// AddRefreshToken stores the first token of a family.
func (s *Store) AddRefreshToken(ctx context.Context, token auth.RefreshToken) error {
	err := addRefreshToken(s.write.WithContext(ctx), token)
	return failure(ctx, err, "refresh token")
}

func addRefreshToken(tx *gorm.DB, token auth.RefreshToken) error {
	token = stampToken(token)
	return tx.Create(&token).Error
}

func stampToken(token auth.RefreshToken) auth.RefreshToken {
	token.CreatedAt, token.ExpiresAt = stamp(token.CreatedAt), stamp(token.ExpiresAt)
	token.UsedAt, token.RevokedAt = stampIfSet(token.UsedAt), stampIfSet(token.RevokedAt)
	return token
}

func stampIfSet(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	cut := stamp(*t)
	return &cut
}

// RotateRefreshToken marks the token with this hash used and adds next to its
// family. A token that was used before ends its whole family.
func (s *Store) RotateRefreshToken(
	ctx context.Context, hash string, next auth.RefreshToken, now time.Time,
) (auth.RefreshToken, error) {
	tx := s.write.WithContext(ctx)
	err := tx.Transaction(func(tx *gorm.DB) (err error) {
		next, err = rotate(tx, hash, next, stamp(now))
		return err
	})
	if errors.Is(err, errReused) {
		if err = s.RevokeFamily(ctx, hash, now); err == nil {
			err = problem.InvalidCredentials.New("This refresh token was used before. Log in again.")
		}
	}
	if err != nil {
		return auth.RefreshToken{}, failure(ctx, err, "refresh token")
	}
	return next, nil
}

func rotate(tx *gorm.DB, hash string, next auth.RefreshToken, now time.Time) (auth.RefreshToken, error) {
	var used auth.RefreshToken
	done := tx.Raw(`UPDATE refresh_tokens SET used_at = ?
		WHERE hash = ? AND used_at IS NULL AND revoked_at IS NULL AND expires_at > ?
		RETURNING *`, now, hash, now).Scan(&used)
	if done.Error != nil {
		return next, done.Error
	}
	if done.RowsAffected == 0 {
		return next, whyRefused(tx, hash)
	}
	next.FamilyID, next.UserID = used.FamilyID, used.UserID
	next = stampToken(next)
	return next, addRefreshToken(tx, next)
}

func whyRefused(tx *gorm.DB, hash string) error {
	var token auth.RefreshToken
	err := tx.Where("hash = ?", hash).Limit(1).Find(&token).Error
	switch {
	case err != nil:
		return err
	case token.UsedAt != nil:
		return errReused
	default:
		return problem.InvalidCredentials.New("This refresh token is not valid. Log in again.")
	}
}

// RevokeFamily ends the family of the token with this hash, if there is one.
func (s *Store) RevokeFamily(ctx context.Context, hash string, now time.Time) error {
	for {
		done := s.write.WithContext(ctx).Exec(`UPDATE refresh_tokens SET revoked_at = ?
			WHERE revoked_at IS NULL
			AND family_id = (SELECT family_id FROM refresh_tokens WHERE hash = ?)`, stamp(now), hash)
		// A rotation under way adds a token that this statement cannot see, but
		// waits for; so it is repeated until nothing is left.
		if done.Error != nil || done.RowsAffected == 0 {
			return failure(ctx, done.Error, "refresh token")
		}
	}
}
