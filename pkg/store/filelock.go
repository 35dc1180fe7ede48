package store

import (
	"context"
	"database/sql"

	"github.com/glebarez/sqlite"
)

// lockSuffix names the file beside a SQLite database that fileLock uses.
const lockSuffix = "-lock"

// fileLock lets one process at a time change how a SQLite database is built. It
// is the exclusive lock of an empty database beside it, which the operating
// system takes back from a process that dies. It meets goose's lock.Locker.
type fileLock struct {
	path string
	held *sql.DB
}

// Lock waits up to five minutes.
func (l *fileLock) Lock(ctx context.Context, _ *sql.DB) error {
	pool, err := sql.Open(sqlite.DriverName, fileURI(l.path, "_pragma=busy_timeout(300000)"))
	if err != nil {
		return err
	}
	pool.SetMaxOpenConns(1)
	if _, err := pool.ExecContext(ctx, "BEGIN EXCLUSIVE"); err != nil {
		_ = pool.Close() // the error that is returned says more
		return err
	}
	l.held = pool
	return nil
}

// Unlock ends the connection, and with it the lock.
func (l *fileLock) Unlock(context.Context, *sql.DB) error {
	return l.held.Close()
}
