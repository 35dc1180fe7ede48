package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/store"
	"dreamchat/pkg/stream"
)

type usersCmd struct {
	Budget usersBudgetCmd `cmd:"" help:"Show or change what an account may spend."`
	Role   usersRoleCmd   `cmd:"" help:"Make an account an administrator, or a user again. It takes effect within five seconds."`
}

var errNoAccount = errors.New("there is no account with this username or email")

type usersRoleCmd struct {
	Account string    `arg:"" help:"The username or the email."`
	Role    auth.Role `arg:"" enum:"ADMIN,USER" help:"ADMIN or USER."`
}

// Run sets the role and says when it takes effect.
func (u usersRoleCmd) Run(ctx context.Context) error {
	return withStore(ctx, func(_ settings, db *store.Store) error {
		// No bell rings from here: servers look by themselves every five seconds.
		accounts := &auth.Accounts{Store: db, Standing: &auth.Standing{Store: db, Bells: new(stream.Bells)}}
		user, err := accounts.ByLogin(ctx, u.Account)
		if errors.Is(err, problem.NotFound) {
			return errNoAccount
		}
		if err == nil {
			err = accounts.SetRole(ctx, user.ID, u.Role)
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(os.Stdout, "%s is %s, on running servers within five seconds\n", user.Username, u.Role)
		return err
	})
}
