package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/store"
)

type usersCmd struct {
	Budget usersBudgetCmd `cmd:"" help:"Show or change what an account may spend."`
	Role   usersRoleCmd   `cmd:"" help:"Make an account an administrator, or a user again. It takes effect with the account's next access token."`
}

var errNoAccount = errors.New("there is no account with this username or email")

type usersRoleCmd struct {
	Account string    `arg:"" help:"The username or the email."`
	Role    auth.Role `arg:"" enum:"ADMIN,USER" help:"ADMIN or USER."`
}

// Run sets the role and says when it takes effect.
func (u usersRoleCmd) Run(ctx context.Context) error {
	return withStore(ctx, func(_ settings, db *store.Store) error {
		accounts := &auth.Accounts{Store: db}
		user, err := accounts.SetRole(ctx, u.Account, u.Role)
		if errors.Is(err, problem.NotFound) {
			return errNoAccount
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(os.Stdout, "%s is %s from the next access token on: log in again, or refresh\n", user.Username, user.Role)
		return err
	})
}
