package api_test

import (
	"database/sql"
	"strings"
	"testing"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/servertest"
	"dreamchat/pkg/store/storetest"
)

// eachWithSQL is apitest.Each with a way around the service to its rows.
func eachWithSQL(t *testing.T, test func(t *testing.T, s *apitest.Service, db *sql.DB)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		url := storetest.SQLiteURL(t)
		db := openSQL(t, "sqlite", strings.TrimPrefix(url, "sqlite:")+"?_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)")
		test(t, apitest.Start(t, apitest.Options{Store: storetest.Open(t, url)}), db)
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		url := storetest.PostgresURL(t)
		cache := apitest.Redis(t, servertest.Redis(t))
		s := apitest.Start(t, apitest.Options{Store: storetest.Open(t, url), Cache: cache})
		test(t, s, openSQL(t, "pgx", url))
	})
}

func openSQL(t *testing.T, driver, source string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func execute(t *testing.T, db *sql.DB, statement string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}
