package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"text/tabwriter"
	"time"

	"dreamchat/pkg/api"
	"dreamchat/pkg/auth"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/store"
)

type keysCmd struct {
	Rotate keysRotateCmd `cmd:"" help:"Make a new signing key; servers that run take it over. Nobody is logged out."`
	List   keysListCmd   `cmd:"" help:"List the signing keys, and what each is good for."`
}

type keysRotateCmd struct {
	After   time.Duration `default:"${signsAfter}" help:"How long the new key is published before it signs, at least 0s."`
	NewRoot bool          `help:"The root key (SIGNING_KEY) is another than before: drop the signing keys that only the former one opens."`
}

// Validate bounds how long a new key may wait.
func (k keysRotateCmd) Validate() error {
	if k.After < 0 || k.After > 24*time.Hour {
		return errors.New("--after must be from 0s to 24h")
	}
	return nil
}

// Run prints what becomes of the new key and of the former one.
func (k keysRotateCmd) Run(ctx context.Context) error {
	return withKeys(ctx, func(keys *auth.SigningKeys) error {
		done, err := keys.Rotate(ctx, k.After, k.NewRoot)
		if errors.Is(err, problem.Conflict) {
			return errors.New(problem.From(err).Detail)
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(os.Stdout, "%s signs from %s\n%s is good until %s\n",
			done.Made.ID, done.Made.SignsAt.Format(time.RFC3339),
			done.Former.ID, done.Former.RetiresAt.Format(time.RFC3339))
		return err
	})
}

type keysListCmd struct{}

// Run prints a table.
func (keysListCmd) Run(ctx context.Context) error {
	return withKeys(ctx, func(keys *auth.SigningKeys) error {
		list, err := keys.List(ctx)
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		for _, key := range list {
			created := "root key"
			if !key.CreatedAt.IsZero() {
				created = key.CreatedAt.Format(time.RFC3339)
			}
			_, _ = fmt.Fprintf(table, "%s\t%s\t%s\n", key.ID, created, stateOf(key))
		}
		return table.Flush()
	})
}

func stateOf(key auth.KeyInfo) string {
	switch key.State {
	case auth.KeyPublished:
		return "signs from " + key.SignsAt.Format(time.RFC3339)
	case auth.KeyVerifies:
		return "good until " + key.RetiresAt.Format(time.RFC3339)
	case auth.KeySealed:
		return "of another root key"
	default:
		return string(key.State)
	}
}

// withKeys never makes a root key: one that no server has would do nothing.
func withKeys(ctx context.Context, use func(*auth.SigningKeys) error) error {
	return withStore(ctx, func(set settings, db *store.Store) error {
		root, err := set.madeRoot()
		if err != nil {
			return err
		}
		return use(auth.NewSigningKeys(root, db, slog.New(api.LogHandler{Handler: set.handler()})))
	})
}
