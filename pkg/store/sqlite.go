package store

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/glebarez/sqlite"
	"gorm.io/gorm"

	"dreamchat/migrations"
	"dreamchat/pkg/problem"
)

func openSQLite(ctx context.Context, path string, options Options) (*Store, error) {
	absolute, err := filepath.Abs(path)
	if err != nil || path == "" {
		return nil, fmt.Errorf("the path of the SQLite database %q cannot be read", path)
	}
	if err := os.MkdirAll(filepath.Dir(absolute), 0o700); err != nil {
		return nil, fmt.Errorf("the folder %s for the database cannot be made: %w", filepath.Dir(absolute), err)
	}
	if err := keepPrivate(ctx, options.Log, absolute); err != nil {
		return nil, problem.Unavailable.Because(err,
			fmt.Sprintf("The SQLite database %s cannot be written.", absolute))
	}
	s := &Store{dialect: migrations.SQLite, path: absolute}
	if err := s.openPools(ctx, options); err != nil {
		return nil, problem.Unavailable.Because(err,
			fmt.Sprintf("The SQLite database %s cannot be written.", absolute))
	}
	return s, nil
}

func (s *Store) openPools(ctx context.Context, options Options) (err error) {
	// Whoever opens a new file first makes it a write-ahead log, a change that
	// does not wait for others as locks do.
	lock := fileLock{path: s.path + lockSuffix}
	if err := lock.Lock(ctx, nil); err != nil {
		return err
	}
	defer func() { _ = lock.Unlock(ctx, nil) }() // it dies with its connection

	s.write, err = openPool(fileURI(s.path,
		"_txlock=immediate", // a transaction that reads first could not upgrade
		"_pragma=busy_timeout(5000)",
		"_pragma=journal_mode(WAL)",
		"_pragma=synchronous(FULL)",
		"_pragma=foreign_keys(1)"), 1, options)
	if err != nil {
		return err
	}
	s.read, err = openPool(fileURI(s.path,
		"_pragma=busy_timeout(5000)",
		"_pragma=query_only(1)"), orDefault(options.MaxOpenConns, defaultFileConns), options)
	if err == nil {
		// SQLite opens a file that it may not write without a word.
		err = s.write.WithContext(ctx).Transaction(func(*gorm.DB) error { return nil })
	}
	if err != nil {
		_ = s.Close() // the error that is returned says more
	}
	return err
}

func openPool(dsn string, maxOpen int, options Options) (*gorm.DB, error) {
	pool, err := sql.Open(sqlite.DriverName, dsn)
	if err != nil {
		return nil, err
	}
	limitPool(pool, maxOpen, options)
	db, err := gormOver(&sqlite.Dialector{Conn: pool})
	if err != nil {
		_ = pool.Close() // the error that is returned says more
	}
	return db, err
}

// fileURI escapes the path, in which "?" and "%" would have a meaning.
func fileURI(path string, parameters ...string) string {
	uri := "file:" + (&url.URL{Path: filepath.ToSlash(path)}).EscapedPath()
	return uri + "?" + strings.Join(parameters, "&")
}
