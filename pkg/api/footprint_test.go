package api_test

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/servertest"
	"dreamchat/pkg/store/storetest"
)

// house is a service with a way around it to all that it keeps.
type house struct {
	*apitest.Service

	db      *sql.DB
	columns string        // lists table and column of all there are
	redis   *redis.Client // nil without
}

// eachHouse is apitest.Each for houses.
func eachHouse(t *testing.T, options apitest.Options, test func(t *testing.T, h house)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		url := storetest.SQLiteURL(t)
		on := options // the other subtest runs at the same time
		on.Store = storetest.Open(t, url)
		path := strings.TrimPrefix(url, "sqlite:") + "?_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)"
		test(t, house{Service: apitest.Start(t, on), db: openSQL(t, "sqlite", path), columns: sqliteColumns})
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		url, server := storetest.PostgresURL(t), servertest.Redis(t)
		on := options
		on.Store, on.Cache = storetest.Open(t, url), apitest.Redis(t, server)
		test(t, house{
			Service: apitest.Start(t, on), db: openSQL(t, "pgx", url), columns: postgresColumns,
			redis: servertest.RedisClient(t, server),
		})
	})
}

const (
	sqliteColumns = `SELECT tables.name, columns.name FROM sqlite_master AS tables, pragma_table_info(tables.name) AS columns
		WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite_%'`
	postgresColumns = `SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public'`
)

// traces tells where the database or Redis holds any of the texts: in any column of
// any table, in any key and any value.
func (h house) traces(t *testing.T, texts ...string) []string {
	t.Helper()
	found := h.inRedis(t, texts)
	columns := rowsOf(t, h.db, h.columns)
	if len(columns) < 50 {
		t.Fatalf("there are only %d columns", len(columns))
	}
	for _, column := range columns {
		held := "CAST(" + column[1] + " AS TEXT) LIKE '%" + strings.Join(texts, "%' OR CAST("+column[1]+" AS TEXT) LIKE '%") + "%'"
		rows := rowsOf(t, h.db, "SELECT '', count(*) FROM "+column[0]+" WHERE "+held)
		if rows[0][1] != "0" {
			found = append(found, "SQL: "+column[0]+"."+column[1])
		}
	}
	return found
}

// rowsOf reads rows of two columns.
func rowsOf(t *testing.T, db *sql.DB, query string) [][2]string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer func() { _ = rows.Close() }() // rows.Err tells
	var all [][2]string
	for rows.Next() {
		var row [2]string
		if err := rows.Scan(&row[0], &row[1]); err != nil {
			t.Fatal(err)
		}
		all = append(all, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func (h house) inRedis(t *testing.T, texts []string) []string {
	t.Helper()
	if h.redis == nil {
		return nil
	}
	var found []string
	keys := h.redis.Scan(t.Context(), 0, "*", 100).Iterator()
	for keys.Next(t.Context()) {
		key := keys.Val()
		content := key + h.value(t, key)
		if slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(content, text) }) {
			found = append(found, "Redis: "+key)
		}
	}
	if err := keys.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}

// value is what Redis holds under a key, as text; nothing if that has expired.
func (h house) value(t *testing.T, key string) string {
	t.Helper()
	kind, err := h.redis.Type(t.Context(), key).Result()
	if err != nil {
		t.Fatal(err)
	}
	var value any
	switch kind {
	case "string":
		value, _ = h.redis.Get(t.Context(), key).Result()
	case "stream":
		value, _ = h.redis.XRange(t.Context(), key, "-", "+").Result()
	case "zset":
		value, _ = h.redis.ZRange(t.Context(), key, 0, -1).Result()
	case "hash":
		value, _ = h.redis.HGetAll(t.Context(), key).Result()
	case "none":
	default:
		t.Fatalf("%s is a %s, which the test cannot read", key, kind)
	}
	return fmt.Sprint(value)
}
