// Package auth knows who is calling: accounts, passwords, access tokens and
// refresh tokens. It knows neither HTTP nor SQL.
package auth

import (
	"context"
	"time"
)

// Role is what an account may do.
type Role string

// The roles.
const (
	RoleUser  Role = "USER"
	RoleAdmin Role = "ADMIN"
)

// User is an account.
type User struct {
	ID string `json:"id"`
	// Email is stored in lower case. That of an account of our own is unique; of
	// one of another issuer it is what that tells, if anything.
	Email string `json:"email"`
	// Username is unique in any case, or what another issuer tells.
	Username string `json:"username"`
	// Issuer is who else knows the person, as Subject; both are empty for an
	// account of our own. Nothing but the two says who somebody is: accounts with
	// one address or one name are not one account.
	Issuer       string    `json:"issuer,omitempty"`
	Subject      string    `json:"-"`
	Role         Role      `json:"role"`
	PasswordHash string    `json:"-"`
	CreatedAt    time.Time `json:"createdAt"`
	UpdatedAt    time.Time `json:"updatedAt"`
}

// RefreshToken is one link of a family: a login and all that was rotated from
// it. The token itself is never stored.
type RefreshToken struct {
	ID       string
	FamilyID string
	UserID   string
	// Hash is the hex SHA-256 of the token.
	Hash      string
	ExpiresAt time.Time
	// UsedAt is when the token was rotated, RevokedAt when its family ended.
	UsedAt    *time.Time
	RevokedAt *time.Time
	CreatedAt time.Time
	// Answer is what its use was answered with, sealed, for as long as it may be
	// told again.
	Answer []byte
}

// IsRepeatable tells whether a token that was used may be used again, for the same
// answer, which Answer holds.
func (t *RefreshToken) IsRepeatable(at time.Time, grace time.Duration) bool {
	return t.RevokedAt == nil && t.UsedAt != nil && len(t.Answer) > 0 && at.Before(t.UsedAt.Add(grace))
}

// Store keeps accounts and their sessions. A database that is away is
// problem.Unavailable.
type Store interface {
	DeviceStore
	AccountStore
	// CreateUser is problem.AlreadyExists, with a Field for "/email" or
	// "/username", if one of them is taken in any case.
	CreateUser(ctx context.Context, user User) error
	// User is problem.NotFound for an unknown id.
	User(ctx context.Context, id string) (User, error)
	// UserByLogin finds by username or email in any case, else problem.NotFound.
	UserByLogin(ctx context.Context, login string) (User, error)
	// SetRole is problem.NotFound for an unknown id.
	SetRole(ctx context.Context, id string, role Role, now time.Time) error
	// SetSuspended is problem.NotFound for an unknown id.
	SetSuspended(ctx context.Context, id string, suspended bool, now time.Time) error
}
