package store

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/problem"
)

// sessionRow is auth.Device under the name of its table.
type sessionRow struct {
	auth.Device
}

func (sessionRow) TableName() string { return "sessions" }

func sessionRowOf(device auth.Device) sessionRow {
	device.CreatedAt, device.LastUsedAt = stamp(device.CreatedAt), stamp(device.LastUsedAt)
	device.ExpiresAt, device.RevokedAt = stamp(device.ExpiresAt), stampIfSet(device.RevokedAt)
	return sessionRow{Device: device}
}

// overflowBatch bounds the sessions that one more of them ends.
const overflowBatch = 1000

// OpenDevice stores a session with its first refresh token, and ends the oldest
// of those beyond the most that the account may have.
func (s *Store) OpenDevice(ctx context.Context, opening auth.Opening) (ended bool, err error) {
	row := sessionRowOf(opening.Device)
	err = s.write.WithContext(ctx).Transaction(func(tx *gorm.DB) (err error) {
		if err := lockPassword(tx, row.UserID, opening.PasswordHash); err != nil {
			return err
		}
		if ended, err = makeSessionRoom(tx, row, opening.Most); err != nil {
			return err
		}
		if err := tx.Create(&row).Error; err != nil {
			return err
		}
		return addRefreshToken(tx, opening.Token)
	})
	return ended, failure(ctx, err, "session")
}

// lockPassword makes others wait who open sessions of the user or change the
// password, and refuses if it was changed before.
func lockPassword(tx *gorm.DB, userID, hash string) error {
	err := lockUser(tx.Where("password_hash = ?", hash), userID)
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return problem.Conflict.New("The password was changed meanwhile.")
	}
	return err
}

// makeSessionRoom ends the open sessions that were not used for the longest time
// until there is room for row.
func makeSessionRoom(tx *gorm.DB, row sessionRow, most int) (bool, error) {
	beyond := openSessions(tx, row.UserID, row.CreatedAt).Select("id").Offset(most - 1).Limit(overflowBatch)
	return endSessions(tx, beyond, row.CreatedAt)
}

// openSessions are those that have neither been ended nor expired, the one used
// last first.
func openSessions(tx *gorm.DB, userID string, now time.Time) *gorm.DB {
	return tx.Model(&sessionRow{}).
		Where("user_id = ? AND revoked_at IS NULL AND expires_at > ?", userID, stamp(now)).
		Order("last_used_at DESC, id DESC")
}

// endSessions ends those of some sessions that are not ended yet, and tells
// whether there were any. The ids are a slice or a query. Their refresh tokens are marked too, for instances that
// know of nothing else.
func endSessions(tx *gorm.DB, ids any, now time.Time) (bool, error) {
	var ended []string
	err := tx.Raw(`UPDATE sessions SET revoked_at = ? WHERE id IN (?) AND revoked_at IS NULL RETURNING id`,
		stamp(now), ids).Scan(&ended).Error
	if err != nil || len(ended) == 0 {
		return false, err
	}
	return true, tx.Exec(`UPDATE refresh_tokens SET revoked_at = ? WHERE family_id IN ? AND revoked_at IS NULL`,
		stamp(now), ended).Error
}

// Devices lists the open sessions of the user, the one used last first.
func (s *Store) Devices(ctx context.Context, userID string, now time.Time, limit int) ([]auth.Device, error) {
	devices := []auth.Device{}
	err := openSessions(s.read.WithContext(ctx), userID, now).Limit(limit).Find(&devices).Error
	return devices, failure(ctx, err, "session")
}

// EndDevice ends an open session of the user.
func (s *Store) EndDevice(ctx context.Context, userID, id string, now time.Time) error {
	err := s.write.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		ended, err := endSessions(tx, openSessions(tx, userID, now).Select("id").Where("id = ?", id), now)
		if err == nil && !ended {
			err = gorm.ErrRecordNotFound
		}
		return err
	})
	return failure(ctx, err, "session")
}

// EndDeviceOf ends the session of the refresh token with this hash.
func (s *Store) EndDeviceOf(ctx context.Context, hash string, now time.Time) (userID string, err error) {
	err = s.write.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		var token auth.RefreshToken
		if err := tx.Where("hash = ?", hash).Take(&token).Error; err != nil {
			return err
		}
		userID = token.UserID
		session, err := lockSession(tx, token)
		if err == nil {
			_, err = endSessions(tx, []string{session.ID}, now)
		}
		return err
	})
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return "", nil
	}
	return userID, failure(ctx, err, "session")
}

// ReplacePassword gives the account another hash of its password.
func (s *Store) ReplacePassword(ctx context.Context, change auth.PasswordChange) error {
	err := s.write.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		if err := lockPassword(tx, change.UserID, change.Old); err != nil {
			return err
		}
		done := tx.Table("users").Where("id = ?", change.UserID).
			Updates(map[string]any{"password_hash": change.New, "updated_at": stamp(change.At)})
		if done.Error != nil || !change.EndOthers {
			return done.Error
		}
		others := tx.Model(&sessionRow{}).Select("id").
			Where("user_id = ? AND id <> ? AND revoked_at IS NULL", change.UserID, change.Keep)
		_, err := endSessions(tx, others, change.At)
		return err
	})
	return failure(ctx, err, "account")
}
