package auth

import (
	"context"

	"dreamchat/pkg/problem"
)

// ChangePassword replaces the password of an account and ends all of its sessions
// but the one to keep, as EndDevice does; its API keys stay good. A current
// password that is wrong is problem.Invalid with a Field that names it, and too many
// wrong ones, here and in Login, are problem.TooMany. An account
// that has none, since somebody else vouches for it, is problem.Conflict. The new
// one is as in Registration.
func (a *Accounts) ChangePassword(ctx context.Context, userID, keep, current, fresh string, client Client) error {
	user, err := a.Store.User(ctx, userID)
	if err != nil {
		return err
	}
	if user.PasswordHash == "" {
		return problem.Conflict.New("This account has no password: it belongs to another service.")
	}
	err = settled(func() error { return a.replacePassword(ctx, userID, keep, current, fresh, client) })
	if err == nil {
		a.Standing.Changed(ctx, userID)
	}
	return err
}

func (a *Accounts) replacePassword(ctx context.Context, userID, keep, current, fresh string, client Client) error {
	user, err := a.Store.User(ctx, userID)
	if err != nil {
		return err
	}
	end, err := a.Guesses.Try(ctx, user.ID, client.Address)
	if err != nil {
		return err
	}
	matches, err := a.Passwords.Matches(ctx, current, user.PasswordHash)
	end(err == nil && !matches)
	if err != nil {
		return err
	}
	if !matches {
		return wrongCurrent()
	}
	hash, err := a.Passwords.Hash(ctx, fresh)
	if err != nil {
		return err
	}
	return a.Store.ReplacePassword(ctx, PasswordChange{
		UserID: userID, Old: user.PasswordHash, New: hash, At: now(), EndOthers: true, Keep: keep,
	})
}

func wrongCurrent() error {
	err := problem.Invalid.New("The current password is wrong.")
	err.Fields = []problem.Field{{Pointer: "/currentPassword", Detail: "is not the password of this account"}}
	return err
}
