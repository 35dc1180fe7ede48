package auth

import (
	"context"
	"errors"
	"strings"
	"time"

	"dreamchat/pkg/problem"
)

const (
	// passwordTries bounds how often a password is checked. It is checked anew where
	// its hash was replaced meanwhile: as another login does, once, or a change of
	// the password.
	passwordTries = 2
	// changedPause is when to come again after the last of them.
	changedPause = time.Second
)

// Login opens a session for a username or email, in any case, and its
// password. If they do not match anything it is problem.InvalidCredentials,
// the same and after the same work whether there is such an account or not. So is
// problem.TooMany, after too many that were wrong for the account or from the
// client's address. With the right password of a suspended account it is
// problem.AccountSuspended.
func (a *Accounts) Login(ctx context.Context, login, password string, client Client) (Session, error) {
	if len(password) > MaxPasswordBytes {
		return Session{}, wrongLogin()
	}
	var session Session
	err := settled(func() error {
		user, err := a.authenticate(ctx, strings.TrimSpace(login), password, client)
		if err != nil {
			return err
		}
		session, err = a.open(ctx, user, client)
		if err == nil {
			a.rehash(ctx, user, password)
		}
		return err
	})
	return session, err
}

// authenticate finds the account that has this login and this password.
func (a *Accounts) authenticate(ctx context.Context, login, password string, client Client) (User, error) {
	user, err := a.find(ctx, login)
	absent := errors.Is(err, problem.NotFound)
	if err != nil && !absent {
		return User{}, err
	}
	end, err := a.Guesses.Try(ctx, guessed(user, login), client.Address)
	if err != nil {
		return User{}, err
	}
	var matches bool
	if absent || user.PasswordHash == "" {
		err = a.Passwords.Pretend(ctx, password)
	} else {
		matches, err = a.Passwords.Matches(ctx, password, user.PasswordHash)
	}
	wrong := err == nil && !matches
	end(wrong)
	if wrong {
		err = wrongLogin()
	}
	if err == nil {
		err = a.admit(ctx, user, wrongLogin())
	}
	return user, err
}

// rehash stores a password as new ones are if it is stored in another way. Where
// it cannot, the next login will.
func (a *Accounts) rehash(ctx context.Context, user User, password string) {
	if !isOutdated(user.PasswordHash) {
		return
	}
	hash, err := a.Passwords.Hash(ctx, password)
	if err == nil {
		err = a.Store.ReplacePassword(ctx, PasswordChange{UserID: user.ID, Old: user.PasswordHash, New: hash, At: now()})
	}
	if err != nil {
		a.Log.WarnContext(ctx, "password not hashed anew", "error", err)
	}
}

// settled tries again what came too late, because the account has another hash
// than the one that a password was checked against.
func settled(try func() error) error {
	for range passwordTries {
		if err := try(); !errors.Is(err, problem.Conflict) {
			return err
		}
	}
	return problem.Unavailable.New("The password was changed at the same time. Try again.").After(changedPause)
}

func wrongLogin() error {
	return problem.InvalidCredentials.New("The username, email or password is wrong.")
}
