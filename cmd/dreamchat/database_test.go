package main_test

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	"github.com/glebarez/sqlite"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"

	"dreamchat/pkg/servertest"
)

// installation is where a process keeps its data.
type installation struct {
	folder      string
	environment []string
	// database is the URL of the database.
	database string
}

// onEach runs the test with SQLite and the cache in the process, and with an
// empty PostgreSQL database and Redis.
func onEach(t *testing.T, test func(t *testing.T, at installation)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, onSQLite(t))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, onServers(t))
	})
}

func onSQLite(t *testing.T) installation {
	t.Helper()
	folder := t.TempDir()
	return installation{folder: folder, database: "sqlite:" + filepath.Join(folder, "data", "dreamchat.db")}
}

func onServers(t *testing.T) installation {
	t.Helper()
	database := servertest.Postgres(t)
	return installation{
		folder:      t.TempDir(),
		environment: []string{"DATABASE_URL=" + database, "REDIS_URL=" + servertest.Redis(t)},
		database:    database,
	}
}

// start runs the command there, with more settings.
func (i installation) start(t *testing.T, more ...string) *process {
	t.Helper()
	return start(t, i.folder, append(more, i.environment...)...)
}

// column asks the database itself, past the command.
func (i installation) column(t *testing.T, query string) []string {
	t.Helper()
	driver, source := "pgx", i.database
	if path, isFile := strings.CutPrefix(i.database, "sqlite:"); isFile {
		driver, source = sqlite.DriverName, "file:"+path
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }() // it was only read
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }() // rows.Err tells
	var values []string
	for rows.Next() {
		var value string
		if err := rows.Scan(&value); err != nil {
			t.Fatal(err)
		}
		values = append(values, value)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return values
}
