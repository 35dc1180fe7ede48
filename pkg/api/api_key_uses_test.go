package api_test

import (
	"database/sql"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/store/storetest"
)

func TestLastUseOfAnAPIKey(t *testing.T) {
	t.Parallel()
	eachWithSQL(t, func(t *testing.T, s *apitest.Service, db *sql.DB) {
		user := s.User()
		program, other := withKey(s, user), withKey(s, user)
		lastUse := func() *time.Time { return keysOf(user)[1].LastUsedAt }
		before := time.Now().Add(-time.Millisecond)
		program.Get("/api/v1/models").Status(http.StatusOK)
		apitest.Eventually(t, "the use is noted", func() bool { return lastUse() != nil })
		if at := *lastUse(); at.Before(before) || at.After(time.Now()) {
			t.Errorf("it was used at %s", at)
		}
		rewind := func(by time.Duration) {
			t.Helper()
			execute(t, db, "UPDATE api_keys SET last_used_at = '"+
				time.Now().UTC().Add(-by).Format("2006-01-02 15:04:05.999999-07:00")+"' WHERE last_used_at IS NOT NULL")
		}
		rewind(2 * time.Minute)
		program.Get("/api/v1/models").Status(http.StatusOK)
		apitest.Eventually(t, "the next use is noted", func() bool { return time.Since(*lastUse()) < time.Minute })

		rewind(30 * time.Second)
		recent := *lastUse()
		program.Get("/api/v1/models").Status(http.StatusOK)
		other.Get("/api/v1/models").Status(http.StatusOK)
		s.Stop() // notes what waits
		var again, first time.Time
		for _, row := range []struct {
			name string
			into *time.Time
			want string
		}{{"used again", &again, "ASC"}, {"used first", &first, "DESC"}} {
			query := "SELECT last_used_at FROM api_keys ORDER BY created_at " + row.want + " LIMIT 1"
			if err := db.QueryRowContext(t.Context(), query).Scan(row.into); err != nil {
				t.Fatalf("%s: %v", row.name, err)
			}
		}
		if !again.Equal(recent) {
			t.Errorf("a second use within a minute was noted: %s, %s", recent, again)
		}
		if time.Since(first) > 20*time.Second {
			t.Errorf("the last use before the end was not noted: %s", first)
		}
	})
}

// A use that cannot be noted costs the caller nothing, and later ones are noted.
func TestLastUseThatCannotBeNoted(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "dreamchat.db")
	store := storetest.Open(t, "sqlite:"+path)
	if _, err := store.MigrateUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	db, kept := openSQL(t, "sqlite", path+"?_pragma=busy_timeout(5000)"), new(journal)
	s := apitest.Start(t, apitest.Options{Store: store, Log: kept.handler()})
	user := s.User()
	program := withKey(s, user)
	execute(t, db, "CREATE TRIGGER refuse BEFORE UPDATE ON api_keys BEGIN SELECT RAISE(ABORT, 'refused'); END")
	program.Get("/api/v1/models").Status(http.StatusOK)
	apitest.Eventually(t, "the log tells", func() bool {
		return slices.ContainsFunc(kept.lines(t), func(line map[string]any) bool {
			return line["level"] == "WARN" && strings.Contains(fmt.Sprint(line["error"]), "refused")
		})
	})
	execute(t, db, "DROP TRIGGER refuse")
	program.Get("/api/v1/models").Status(http.StatusOK)
	apitest.Eventually(t, "the use is noted", func() bool { return keysOf(user)[0].LastUsedAt != nil })
}
