//go:build unix

// Package storetest gives tests a migrated, empty store on each dialect.
package storetest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"dreamchat/migrations"
	"dreamchat/pkg/auth"
	"dreamchat/pkg/id"
	"dreamchat/pkg/servertest"
	"dreamchat/pkg/store"
)

// Each runs the test on every dialect, as subtests "sqlite" and "postgres".
func Each(t *testing.T, test func(t *testing.T, s *store.Store)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { test(t, Postgres(t)) })
}

// SQLite gives a migrated store in a file of its own, closed with the test.
func SQLite(tb testing.TB) *store.Store {
	tb.Helper()
	return Open(tb, SQLiteURL(tb))
}

// SQLiteURL gives the URL of a migrated database in a file of the test's own.
func SQLiteURL(tb testing.TB) string {
	tb.Helper()
	template, err := migratedFile()
	path := filepath.Join(tb.TempDir(), "dreamchat.db")
	if err == nil {
		err = os.WriteFile(path, template, 0o600)
	}
	if err != nil {
		tb.Fatalf("storetest: %v", err)
	}
	return "sqlite:" + path
}

// Postgres gives a migrated store in a database of its own, closed with the test.
func Postgres(tb testing.TB) *store.Store {
	tb.Helper()
	return Open(tb, PostgresURL(tb))
}

// PostgresURL gives the URL of a migrated database of the test's own.
func PostgresURL(tb testing.TB) string {
	tb.Helper()
	template, err := migrated()
	if err != nil {
		tb.Fatalf("storetest: %v", err)
	}
	return template.Postgres(tb)
}

// Open opens a store as it is, migrated or not, and closes it with the test.
func Open(tb testing.TB, url string) *store.Store {
	tb.Helper()
	s, err := store.Open(context.Background(), url, store.Options{})
	if err != nil {
		tb.Fatalf("storetest: %v", err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Errorf("storetest: %v", err)
		}
	})
	return s
}

// User stores a new account and returns it. The name is part of its address and
// of its username, so one name makes one account of a store.
func User(tb testing.TB, s *store.Store, name string) auth.User {
	tb.Helper()
	now := time.Now().UTC().Truncate(time.Microsecond)
	user := auth.User{
		ID: id.New(), Email: name + "@example.com", Username: name, Role: auth.RoleUser,
		PasswordHash: "not a hash", CreatedAt: now, UpdatedAt: now,
	}
	if err := s.CreateUser(context.Background(), user); err != nil {
		tb.Fatalf("storetest: %v", err)
	}
	return user
}

// migrated is the template of all test databases, named by its migrations.
//
//nolint:gochecknoglobals // made once per test binary
var migrated = sync.OnceValues(func() (*servertest.Template, error) {
	files, err := migrations.FS(migrations.Postgres)
	if err != nil {
		return nil, err
	}
	name, err := fingerprint(files)
	return &servertest.Template{Name: name, Prepare: migrate}, err
})

// migratedFile is a migrated SQLite database. To copy it is much faster than to
// migrate, which the race detector makes slow.
//
//nolint:gochecknoglobals // made once per test binary
var migratedFile = sync.OnceValues(func() (template []byte, err error) {
	folder, err := os.MkdirTemp("", "dreamchat-template-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	path := filepath.Join(folder, "dreamchat.db")
	if err := migrate("sqlite:" + path); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

func fingerprint(files fs.FS) (string, error) {
	sum := sha256.New()
	names, err := fs.Glob(files, "*")
	if err != nil {
		return "", err
	}
	for _, name := range names {
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return "", err
		}
		sum.Write([]byte(name))
		sum.Write(content)
	}
	const digits = 24
	return hex.EncodeToString(sum.Sum(nil))[:digits], nil
}

func migrate(url string) error {
	ctx := context.Background()
	s, err := store.Open(ctx, url, store.Options{})
	if err != nil {
		return err
	}
	if _, err = s.MigrateUp(ctx); err != nil {
		_ = s.Close() // the error that is returned says more
		return err
	}
	return s.Close()
}
