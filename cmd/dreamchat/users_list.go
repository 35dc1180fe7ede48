package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/store"
)

// listedAtOnce is how many accounts are read at a time.
const listedAtOnce = 500

type usersListCmd struct {
	Search string `arg:"" optional:"" help:"Part of the username or the email."`
}

// Run writes one line for each account, with tabs between its parts.
func (u usersListCmd) Run(ctx context.Context) error {
	return withStore(ctx, func(_ settings, db *store.Store) error {
		query := auth.AccountQuery{Limit: listedAtOnce, Search: u.Search}
		for {
			found, err := db.AccountsAfter(ctx, query)
			if err != nil {
				return err
			}
			for _, account := range found {
				if err := u.line(account); err != nil {
					return err
				}
			}
			if len(found) < listedAtOnce {
				return nil
			}
			last := found[len(found)-1]
			query.After = &auth.AccountPlace{CreatedAt: last.CreatedAt, ID: last.ID}
		}
	})
}

func (usersListCmd) line(account auth.Account) error {
	state := "active"
	if account.SuspendedAt != nil {
		state = "suspended"
	}
	_, err := fmt.Fprintf(os.Stdout, "%s\t%s\t%s\t%s\t%s\t%s\n", account.ID, account.Username, account.Email,
		account.Role, state, account.CreatedAt.Format(time.RFC3339))
	return err
}
