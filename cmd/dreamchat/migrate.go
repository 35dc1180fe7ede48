package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"dreamchat/pkg/store"
)

type migrateCmd struct {
	Up     migrateUpCmd     `cmd:"" help:"Apply every migration that is not applied yet."`
	Down   migrateDownCmd   `cmd:"" help:"Take the newest migration back, with the data in it."`
	Status migrateStatusCmd `cmd:"" help:"List the migrations and when they were applied."`
}

type (
	migrateUpCmd     struct{}
	migrateDownCmd   struct{}
	migrateStatusCmd struct{}
)

// Run applies what is missing and names it.
func (migrateUpCmd) Run(ctx context.Context) error {
	return withStore(ctx, func(_ settings, db *store.Store) error {
		applied, err := db.MigrateUp(ctx)
		if err == nil && len(applied) == 0 {
			_, err = fmt.Fprintln(os.Stdout, "nothing to apply")
		}
		for _, migration := range applied {
			_, _ = fmt.Fprintln(os.Stdout, "applied", migration.Name)
		}
		return err
	})
}

// Run takes one migration back and names it.
func (migrateDownCmd) Run(ctx context.Context) error {
	return withStore(ctx, func(_ settings, db *store.Store) error {
		taken, err := db.MigrateDown(ctx)
		if err == nil {
			_, err = fmt.Fprintln(os.Stdout, "took back", taken.Name)
		}
		return err
	})
}

// Run prints a table.
func (migrateStatusCmd) Run(ctx context.Context) error {
	return withStore(ctx, func(_ settings, db *store.Store) error {
		all, err := db.MigrationStatus(ctx)
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		for _, migration := range all {
			at := "pending"
			if !migration.AppliedAt.IsZero() {
				at = migration.AppliedAt.UTC().Format(time.RFC3339)
			}
			_, _ = fmt.Fprintf(table, "%s\t%s\n", migration.Name, at)
		}
		return table.Flush()
	})
}

func withStore(ctx context.Context, use func(settings, *store.Store) error) (err error) {
	set, err := load()
	if err != nil {
		return err
	}
	db, err := openStore(ctx, set)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return use(set, db)
}
