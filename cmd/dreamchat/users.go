package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/store"
	"dreamchat/pkg/stream"
)

type usersCmd struct {
	Budget  usersBudgetCmd  `cmd:"" help:"Show or change what an account may spend."`
	List    usersListCmd    `cmd:"" help:"List accounts, the newest first."`
	Restore usersRestoreCmd `cmd:"" help:"Let a suspended account in again. It takes effect within five seconds."`
	Role    usersRoleCmd    `cmd:"" help:"Make an account an administrator, or a user again. It takes effect within five seconds."`
	Suspend usersSuspendCmd `cmd:"" help:"Shut an account out and stop what is being made for it. It takes effect within five seconds."`
}

var errNoAccount = errors.New("there is no account with this username, email or id")

var errRoleElsewhere = errors.New("the role of this account is what its issuer says: change it there")

// changeAccount changes an account that is named by its username, email or id. Those of
// other issuers are known by their id alone.
func changeAccount(ctx context.Context, login string, change func(accounts *auth.Accounts, user auth.User) error) error {
	return withStore(ctx, func(_ settings, db *store.Store) error {
		// No bell rings from here: servers look by themselves every five seconds, and
		// for answers to stop every second.
		accounts := &auth.Accounts{
			Store:    db,
			Standing: &auth.Standing{Store: db, Bells: new(stream.Bells)},
			Work:     &chat.Generations{Store: db, Streams: new(chat.Alone)},
			Log:      slog.New(slog.DiscardHandler),
		}
		user, err := accounts.ByLogin(ctx, login)
		if errors.Is(err, problem.NotFound) {
			user, err = accounts.User(ctx, login)
		}
		if errors.Is(err, problem.NotFound) {
			return errNoAccount
		}
		if err != nil {
			return err
		}
		return change(accounts, user)
	})
}

type usersRoleCmd struct {
	Account string    `arg:"" help:"The username, the email or the id."`
	Role    auth.Role `arg:"" enum:"ADMIN,USER" help:"ADMIN or USER."`
}

// Run sets the role and says when it takes effect.
func (u usersRoleCmd) Run(ctx context.Context) error {
	return changeAccount(ctx, u.Account, func(accounts *auth.Accounts, user auth.User) error {
		if user.Issuer != "" {
			return errRoleElsewhere
		}
		if err := accounts.SetRole(ctx, user.ID, u.Role); err != nil {
			return err
		}
		_, err := fmt.Fprintf(os.Stdout, "%s is %s, on running servers within five seconds\n", user.Username, u.Role)
		return err
	})
}

type usersSuspendCmd struct {
	Account string `arg:"" help:"The username, the email or the id."`
}

// Run suspends the account and says when it takes effect.
func (u usersSuspendCmd) Run(ctx context.Context) error {
	return suspend(ctx, u.Account, true, "suspended")
}

type usersRestoreCmd struct {
	Account string `arg:"" help:"The username, the email or the id."`
}

// Run lets the account in again and says when it takes effect.
func (u usersRestoreCmd) Run(ctx context.Context) error {
	return suspend(ctx, u.Account, false, "let in again")
}

func suspend(ctx context.Context, login string, suspended bool, said string) error {
	return changeAccount(ctx, login, func(accounts *auth.Accounts, user auth.User) error {
		if err := accounts.Suspend(ctx, user.ID, suspended); err != nil {
			return err
		}
		_, err := fmt.Fprintf(os.Stdout, "%s is %s, on running servers within five seconds\n", user.Username, said)
		return err
	})
}
