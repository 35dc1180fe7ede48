package store

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/problem"
)

// userRow adds what makes a username unique in any case, see lower. An account of
// another issuer has its identityKey for address and username there.
type userRow struct {
	auth.User
	UsernameLower string
	// ToldEmail is the address of an account of another issuer, ToldAt when that made
	// the token that the account was last made of.
	ToldEmail string
	ToldAt    *time.Time
}

func (userRow) TableName() string { return "users" }

func (r userRow) user() auth.User { return shown(r.User, r.ToldEmail) }

// shown is an account of another issuer with its address in the place of its key.
func shown(user auth.User, told string) auth.User {
	if user.Issuer != "" {
		user.Email = told
	}
	return user
}

// CreateUser stores a new account; what is taken is problem.AlreadyExists with
// a Field for each.
func (s *Store) CreateUser(ctx context.Context, user auth.User) error {
	user.Email = lower(user.Email)
	user.CreatedAt, user.UpdatedAt = stamp(user.CreatedAt), stamp(user.UpdatedAt)
	row := userRow{User: user, UsernameLower: lower(user.Username)}
	tx := s.write.WithContext(ctx)
	err := tx.Create(&row).Error
	if errors.Is(err, gorm.ErrDuplicatedKey) {
		err = taken(tx, row, err)
	}
	return failure(ctx, err, "user")
}

// taken finds out what stands in the way of row; cause is the error if it is
// neither the address nor the name.
func taken(tx *gorm.DB, row userRow, cause error) error {
	var others []userRow
	err := tx.Where("email = ? OR username_lower = ?", row.Email, row.UsernameLower).
		Limit(2).Find(&others).Error
	if err != nil {
		return err
	}
	conflict := problem.AlreadyExists.New("This account exists already.")
	for _, other := range others {
		if other.Email == row.Email {
			conflict.Fields = append(conflict.Fields, problem.Field{Pointer: "/email", Detail: "This address is taken."})
		}
		if other.UsernameLower == row.UsernameLower {
			conflict.Fields = append(conflict.Fields, problem.Field{Pointer: "/username", Detail: "This name is taken."})
		}
	}
	if len(conflict.Fields) == 0 {
		return cause
	}
	return conflict
}

// User returns the account with this id.
func (s *Store) User(ctx context.Context, id string) (auth.User, error) {
	var found userRow
	err := s.read.WithContext(ctx).Where("id = ?", id).Take(&found).Error
	return found.user(), failure(ctx, err, "user")
}

// UserByLogin finds by address or username in any case. Should one account's
// name be another's address, the address decides: only its owner proved it. An
// account of another issuer is never found.
func (s *Store) UserByLogin(ctx context.Context, login string) (auth.User, error) {
	var found []auth.User
	err := s.read.WithContext(ctx).
		Where("(email = ? OR username_lower = ?) AND issuer = ''", lower(login), lower(login)).
		Limit(2).Find(&found).Error
	if err == nil && len(found) == 0 {
		err = gorm.ErrRecordNotFound
	}
	if err != nil {
		return auth.User{}, failure(ctx, err, "user")
	}
	for _, user := range found {
		if user.Email == lower(login) {
			return user, nil
		}
	}
	return found[0], nil
}

// SetSuspended shuts an account out, or lets it in again.
func (s *Store) SetSuspended(ctx context.Context, id string, suspended bool, now time.Time) error {
	var since *time.Time
	if suspended {
		since = new(stamp(now))
	}
	done := s.write.WithContext(ctx).Table("users").Where("id = ?", id).
		Updates(map[string]any{"suspended_at": since, "updated_at": stamp(now)})
	return failure(ctx, found(done), "user")
}

// SetRole changes what an account may do.
func (s *Store) SetRole(ctx context.Context, id string, role auth.Role, now time.Time) error {
	done := s.write.WithContext(ctx).Table("users").Where("id = ?", id).
		Updates(map[string]any{"role": role, "updated_at": stamp(now)})
	return failure(ctx, found(done), "user")
}
