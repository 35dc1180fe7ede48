package auth

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"
	"unicode/utf8"

	"dreamchat/pkg/cursor"
	"dreamchat/pkg/id"
	"dreamchat/pkg/problem"
)

// maxLogin bounds what is looked up as a username or an email, in bytes.
const maxLogin = 320

// Accounts lets people in: it registers them, checks who they are and keeps
// their sessions. It is safe for concurrent use. Any call is
// problem.Unavailable while the database is away.
type Accounts struct {
	Store     Store
	Passwords *Passwords
	Tokens    *Tokens
	Standing  *Standing
	// Work is stopped for accounts that are suspended.
	Work Work
	// Cursors seals the places in the list of accounts.
	Cursors cursor.Key
	Log     *slog.Logger
	// Guesses bounds how often passwords and tokens are guessed.
	Guesses Guesses
	// RefreshLifetime is how long a refresh token is good for if it is not
	// used; zero means 30 days.
	RefreshLifetime time.Duration
	// RefreshGrace is for how long a refresh token that was used may be used again
	// for the same answer; zero means never.
	RefreshGrace time.Duration
}

// Registration is what a new account is made of. The HTTP door checks its
// form: Email is an address of at most 254 characters; Username has 3 to 32
// letters, digits, dots, hyphens and underscores, and so is never an email;
// Password has 8 to 128 characters in at most MaxPasswordBytes.
type Registration struct {
	Email    string
	Username string
	Password string
}

// Register opens an account and its first session. A taken email or username
// is problem.AlreadyExists with a Field that names it, which counts as a wrong
// guess: it tells that there is such an account. Too many from the client's address
// are problem.TooMany.
func (a *Accounts) Register(ctx context.Context, registration Registration, client Client) (Session, error) {
	end, err := a.Guesses.Try(ctx, "", client.Address)
	if err != nil {
		return Session{}, err
	}
	session, err := a.register(ctx, registration, client)
	end(errors.Is(err, problem.AlreadyExists))
	return session, err
}

func (a *Accounts) register(ctx context.Context, registration Registration, client Client) (Session, error) {
	hash, err := a.Passwords.Hash(ctx, registration.Password)
	if err != nil {
		return Session{}, err
	}
	created := now()
	user := User{
		ID:           id.New(),
		Email:        strings.ToLower(strings.TrimSpace(registration.Email)),
		Username:     registration.Username,
		Role:         RoleUser,
		PasswordHash: hash,
		CreatedAt:    created,
		UpdatedAt:    created,
	}
	if err := a.Store.CreateUser(ctx, user); err != nil {
		return Session{}, err
	}
	return a.open(ctx, user, client)
}

// User returns an account, or problem.NotFound.
func (a *Accounts) User(ctx context.Context, id string) (User, error) {
	return a.Store.User(ctx, id)
}

// ByLogin returns the account with this username or email, in any case, or
// problem.NotFound.
func (a *Accounts) ByLogin(ctx context.Context, login string) (User, error) {
	return a.find(ctx, strings.TrimSpace(login))
}

// SetRole lets an account do more or less, at once. An unknown id is
// problem.NotFound.
func (a *Accounts) SetRole(ctx context.Context, id string, role Role) error {
	err := a.Store.SetRole(ctx, id, role, now())
	a.Standing.Changed(ctx, id)
	return err
}

// Suspend shuts an account out, or lets it in again, at once: open streams end,
// and so do its answers that are being made. An unknown id is problem.NotFound.
func (a *Accounts) Suspend(ctx context.Context, id string, suspended bool) error {
	err := a.Store.SetSuspended(ctx, id, suspended, now())
	a.Standing.Changed(ctx, id)
	if err == nil && suspended {
		err = a.halt(ctx, id)
	}
	return err
}

func (a *Accounts) find(ctx context.Context, login string) (User, error) {
	// PostgreSQL refuses both in a text.
	storable := utf8.ValidString(login) && !strings.ContainsRune(login, 0)
	if len(login) > maxLogin || !storable {
		return User{}, problem.NotFound.New("There is no such account.")
	}
	return a.Store.UserByLogin(ctx, login)
}
