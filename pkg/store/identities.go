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

// identityKey stands where what is unique of an account of our own does.
// It has capitals, so that it equals neither those nor a login, and no address of
// an issuer has spaces, so that it is another one for each identity.
func identityKey(user auth.User) string {
	return "EXTERNAL " + user.Issuer + " " + user.Subject
}

// Identify returns the account of an issuer's subject, made of user if there is
// none, and has it follow what was told last.
func (s *Store) Identify(ctx context.Context, user auth.User, told time.Time) (auth.User, bool, error) {
	row, err := byIdentity(s.read.WithContext(ctx), user)
	if errors.Is(err, gorm.ErrRecordNotFound) {
		row, err = s.addIdentity(ctx, user, told)
	}
	if err != nil {
		return auth.User{}, false, failure(ctx, err, "user")
	}
	same := row.ToldEmail == user.Email && row.Username == user.Username && row.Role == user.Role
	if same || row.ToldAt != nil && !told.After(*row.ToldAt) {
		return row.user(), false, nil
	}
	return s.follow(ctx, row.User, user, told)
}

func byIdentity(tx *gorm.DB, user auth.User) (userRow, error) {
	var row userRow
	err := tx.Where("issuer = ? AND subject = ? AND issuer <> ''", user.Issuer, user.Subject).Take(&row).Error
	return row, err
}

// addIdentity leaves it to the database who of many is first.
func (s *Store) addIdentity(ctx context.Context, user auth.User, told time.Time) (userRow, error) {
	key := identityKey(user)
	user.CreatedAt, user.UpdatedAt = stamp(user.CreatedAt), stamp(user.UpdatedAt)
	row := userRow{User: user, UsernameLower: key, ToldEmail: user.Email, ToldAt: new(stamp(told))}
	row.Email = key
	tx := s.write.WithContext(ctx)
	if err := tx.Clauses(clause.OnConflict{DoNothing: true}).Create(&row).Error; err != nil {
		return row, err
	}
	row, err := byIdentity(tx, user)
	if errors.Is(err, gorm.ErrRecordNotFound) { // it was deleted at that moment
		err = problem.Unavailable.Because(err, "The account is being deleted. Try again in a moment.")
	}
	return row, err
}

// follow writes what was told, unless something was that is newer.
func (s *Store) follow(ctx context.Context, account, said auth.User, told time.Time) (auth.User, bool, error) {
	tx := s.write.WithContext(ctx)
	done := tx.Exec(`UPDATE users SET told_email = ?, username = ?, role = ?, told_at = ?, updated_at = ?
		WHERE id = ? AND (told_at IS NULL OR told_at < ?)`,
		said.Email, said.Username, said.Role, stamp(told), stamp(said.UpdatedAt), account.ID, stamp(told))
	if done.Error != nil {
		return auth.User{}, false, failure(ctx, done.Error, "user")
	}
	row, err := byIdentity(tx, account)
	return row.user(), done.RowsAffected > 0, failure(ctx, err, "user")
}
