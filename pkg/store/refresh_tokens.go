package store

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/problem"
)

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

// RefreshToken finds a refresh token by its hash.
func (s *Store) RefreshToken(ctx context.Context, hash string) (auth.RefreshToken, error) {
	var token auth.RefreshToken
	err := s.read.WithContext(ctx).Where("hash = ?", hash).Take(&token).Error
	return token, failure(ctx, err, "refresh token")
}

// RotateRefreshToken uses a refresh token: the first use makes the next one, a
// repeated one returns the answer to the first, any other ends the session.
func (s *Store) RotateRefreshToken(ctx context.Context, rotation auth.Rotation) (auth.Turn, []byte, error) {
	var turn auth.Turn
	var answer []byte
	err := s.write.WithContext(ctx).Transaction(func(tx *gorm.DB) (err error) {
		turn, answer, err = rotate(tx, rotation)
		return err
	})
	return turn, answer, failure(ctx, err, "refresh token")
}

// rotate first locks the session: those who use tokens of it, or end it, take
// turns, and each sees what the one before it has committed.
func rotate(tx *gorm.DB, rotation auth.Rotation) (auth.Turn, []byte, error) {
	session, err := lockSession(tx, rotation.Used)
	var used auth.RefreshToken
	if err == nil {
		err = tx.Where("id = ?", rotation.Used.ID).Take(&used).Error
	}
	if errors.Is(err, gorm.ErrRecordNotFound) {
		err = refusedToken()
	}
	if err != nil {
		return 0, nil, err
	}
	at := stamp(rotation.Next.CreatedAt)
	switch {
	case used.RevokedAt != nil, session.RevokedAt != nil:
		return 0, nil, refusedToken()
	case used.UsedAt == nil && at.Before(used.ExpiresAt):
		return auth.TurnTaken, nil, replace(tx, used, rotation)
	case used.UsedAt == nil:
		return 0, nil, refusedToken()
	case used.IsRepeatable(at, rotation.Grace):
		return auth.TurnRepeated, used.Answer, nil
	}
	_, err = endSessions(tx, []string{session.ID}, at)
	return auth.TurnStolen, nil, err
}

// lockSession makes others wait who use the session that a refresh token is of.
// The user comes first, as it does for those who delete one.
func lockSession(tx *gorm.DB, token auth.RefreshToken) (sessionRow, error) {
	err := tx.Clauses(clause.Locking{Strength: "KEY SHARE"}).
		Where("id = ?", token.UserID).Take(new(auth.User)).Error
	if err != nil {
		return sessionRow{}, err
	}
	session, err := lockSessionRow(tx, token.FamilyID)
	if !errors.Is(err, gorm.ErrRecordNotFound) {
		return session, err
	}
	// An instance of a release without sessions made the token.
	adopted := sessionRowOf(auth.Device{
		ID: token.FamilyID, UserID: token.UserID,
		CreatedAt: token.CreatedAt, LastUsedAt: token.CreatedAt, ExpiresAt: token.ExpiresAt,
	})
	if err := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&adopted).Error; err != nil {
		return sessionRow{}, err
	}
	return lockSessionRow(tx, token.FamilyID)
}

func lockSessionRow(tx *gorm.DB, id string) (sessionRow, error) {
	var session sessionRow
	err := tx.Clauses(clause.Locking{Strength: "NO KEY UPDATE"}).Where("id = ?", id).Take(&session).Error
	return session, err
}

// replace marks a token used and puts the next one in its place. What the one
// before it was answered with, which is this very token, may not be told again.
func replace(tx *gorm.DB, used auth.RefreshToken, rotation auth.Rotation) error {
	next := stampToken(rotation.Next)
	next.FamilyID, next.UserID = used.FamilyID, used.UserID
	err := tx.Exec("UPDATE refresh_tokens SET answer = NULL WHERE family_id = ? AND answer IS NOT NULL",
		used.FamilyID).Error
	if err != nil {
		return err
	}
	// An instance of a release without sessions does not wait for the lock.
	done := tx.Exec("UPDATE refresh_tokens SET used_at = ?, answer = ? WHERE id = ? AND used_at IS NULL",
		next.CreatedAt, rotation.Answer, used.ID)
	if done.Error == nil && done.RowsAffected == 0 {
		return refusedToken()
	}
	if done.Error != nil {
		return done.Error
	}
	if err := addRefreshToken(tx, next); err != nil {
		return err
	}
	return tx.Exec("UPDATE sessions SET last_used_at = ?, expires_at = ?, user_agent = ?, address = ? WHERE id = ?",
		next.CreatedAt, next.ExpiresAt, rotation.Client.UserAgent, rotation.Client.Address, used.FamilyID).Error
}

func refusedToken() error {
	return problem.InvalidCredentials.New("This refresh token is not valid. Log in again.")
}
