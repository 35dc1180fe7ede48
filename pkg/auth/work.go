package auth

import (
	"context"
	"errors"

	"dreamchat/pkg/problem"
)

// Work is what goes on for accounts beside their requests: answers that are being
// made.
type Work interface {
	// Halt stops all of it, on every instance, and does not wait for the end.
	Halt(ctx context.Context, userID string) error
}

// admit refuses to open a session, or to go on with one, for an account that is
// suspended. One that is being deleted is told as none is, by absent.
func (a *Accounts) admit(ctx context.Context, user User, absent error) error {
	_, err := a.Standing.Check(ctx, Caller{UserID: user.ID})
	if errors.Is(err, problem.SessionEnded) {
		return absent
	}
	return err
}

// halt works on if the caller leaves: the account is shut out already.
func (a *Accounts) halt(ctx context.Context, userID string) error {
	return a.Work.Halt(context.WithoutCancel(ctx), userID)
}
