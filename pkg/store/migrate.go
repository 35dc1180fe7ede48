package store

import (
	"context"
	"fmt"
	"path"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"dreamchat/migrations"
)

// Migration is one step of the schema.
type Migration struct {
	Version int64
	// Name is the name of its file.
	Name string
	// AppliedAt is the zero time while the migration is not applied.
	AppliedAt time.Time
}

// MigrateUp applies what is not applied yet, each migration in a transaction of
// its own, and returns what it applied, oldest first. Several processes may do
// so at once: one works and the others wait.
func (s *Store) MigrateUp(ctx context.Context) ([]Migration, error) {
	provider, err := s.migrator()
	if err != nil {
		return nil, err
	}
	results, err := provider.Up(ctx)
	if err != nil {
		return nil, failure(ctx, err, "migration")
	}
	now := time.Now().UTC()
	applied := make([]Migration, len(results))
	for i, result := range results {
		applied[i] = Migration{Version: result.Source.Version, Name: path.Base(result.Source.Path), AppliedAt: now}
	}
	return applied, nil
}

// MigrateDown takes the newest applied migration back, with the data in it, and
// returns it; with nothing applied it is an error.
func (s *Store) MigrateDown(ctx context.Context) (Migration, error) {
	provider, err := s.migrator()
	if err != nil {
		return Migration{}, err
	}
	result, err := provider.Down(ctx)
	if err != nil {
		return Migration{}, failure(ctx, err, "migration")
	}
	return Migration{Version: result.Source.Version, Name: path.Base(result.Source.Path)}, nil
}

// MigrationStatus returns every migration, oldest first.
func (s *Store) MigrationStatus(ctx context.Context) ([]Migration, error) {
	provider, err := s.migrator()
	if err != nil {
		return nil, err
	}
	status, err := provider.Status(ctx)
	if err != nil {
		return nil, failure(ctx, err, "migration")
	}
	all := make([]Migration, len(status))
	for i, one := range status {
		all[i] = Migration{
			Version:   one.Source.Version,
			Name:      path.Base(one.Source.Path),
			AppliedAt: one.AppliedAt,
		}
	}
	return all, nil
}

func (s *Store) migrator() (*goose.Provider, error) {
	files, err := migrations.FS(s.dialect)
	if err != nil {
		return nil, fmt.Errorf("store: migrations: %w", err)
	}
	pool, err := s.write.DB()
	if err != nil {
		return nil, fmt.Errorf("store: migrations: %w", err)
	}
	dialect, locked := goose.DialectSQLite3, goose.WithLocker(&fileLock{path: s.path + lockSuffix})
	if s.dialect == migrations.Postgres {
		// Asks every second for five minutes.
		session, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
		if err != nil {
			return nil, fmt.Errorf("store: migrations: %w", err)
		}
		dialect, locked = goose.DialectPostgres, goose.WithSessionLocker(session)
	}
	provider, err := goose.NewProvider(dialect, pool, files, locked, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, fmt.Errorf("store: migrations: %w", err)
	}
	return provider, nil
}
