package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	gosqlite "github.com/glebarez/go-sqlite"
	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"

	"dreamchat/pkg/problem"
)

// failure is the one place where errors of the database become ours. The noun
// says what was asked for.
func failure(ctx context.Context, err error, noun string) error {
	var known *problem.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	case errors.Is(context.Cause(ctx), context.DeadlineExceeded):
		return away(err)
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, gorm.ErrRecordNotFound):
		return problem.NotFound.New("There is no such " + noun + ".")
	case isAway(err):
		return away(err)
	default:
		return fmt.Errorf("store: %s: %w", noun, err)
	}
}

func away(err error) error {
	return problem.Unavailable.Because(err, "The database is away. Try again in a moment.")
}

// found makes a statement that touched no row an error.
func found(done *gorm.DB) error {
	if done.Error == nil && done.RowsAffected == 0 {
		return gorm.ErrRecordNotFound
	}
	return done.Error
}

// isAway tells whether the database, rather than the statement, is the reason.
func isAway(err error) bool {
	if server, ok := errors.AsType[*pgconn.PgError](err); ok {
		return isServerAway(server.Code)
	}
	if file, ok := errors.AsType[*gosqlite.Error](err); ok {
		return isFileAway(file.Code())
	}
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connect) || errors.As(err, &network) ||
		errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.Is(err, context.DeadlineExceeded) ||
		// database/sql keeps the error of a closed pool to itself.
		strings.Contains(err.Error(), "sql: database is closed") ||
		strings.Contains(err.Error(), "conn closed")
}

// isServerAway knows the classes and codes of PostgreSQL, appendix A: connection
// exceptions, resources that ran out, shutdown, and timeouts that it sets.
func isServerAway(code string) bool {
	switch {
	case strings.HasPrefix(code, "08"), strings.HasPrefix(code, "53"), strings.HasPrefix(code, "57P"):
		return true
	default:
		return code == "57014" || code == "55P03"
	}
}

// The primary result codes of SQLite that speak of the file.
const (
	sqliteBusy     = 5
	sqliteLocked   = 6
	sqliteReadOnly = 8
	sqliteIOError  = 10
	sqliteFull     = 13
	sqliteCantOpen = 14
)

func isFileAway(code int) bool {
	switch code & 0xff {
	case sqliteBusy, sqliteLocked, sqliteReadOnly, sqliteIOError, sqliteFull, sqliteCantOpen:
		return true
	default:
		return false
	}
}
