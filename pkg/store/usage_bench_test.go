package store_test

import (
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/store"
	"dreamchat/pkg/store/storetest"
)

// BenchmarkUsage sums up the hundred thousand charges of one account among the
// million of all.
func BenchmarkUsage(b *testing.B) {
	b.Run("sqlite", func(b *testing.B) {
		path := filepath.Join(b.TempDir(), "dreamchat.db")
		benchmarkUsage(b, "sqlite:"+path, "sqlite", path,
			"WITH RECURSIVE numbers (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n < 999999)",
			"strftime('%Y-%m-%d %H:%M:%f+00:00', '2025-01-01', (n % 300) || ' days')", "TEXT")
	})
	b.Run("postgres", func(b *testing.B) {
		url := storetest.PostgresURL(b)
		benchmarkUsage(b, url, "pgx", url,
			"WITH numbers AS (SELECT generate_series(0, 999999) AS n)",
			"'2025-01-01 00:00:00+00:00'::timestamptz + make_interval(days => n % 300)", "NUMERIC")
	})
}

func benchmarkUsage(b *testing.B, url, driver, source, numbers, day, money string) {
	b.Helper()
	s := storetest.Open(b, url)
	if _, err := s.MigrateUp(b.Context()); err != nil {
		b.Fatal(err)
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	users := make([]string, 10)
	for i := range users {
		users[i] = storetest.User(b, s, fmt.Sprint("user", i)).ID
	}
	statement := numbers + ` INSERT INTO charges (id, user_id, kind, conversation_id, message_id, provider, model_id,
			generation_id, prompt_tokens, completion_tokens, reasoning_tokens, tokens_used, cost, estimated, reserved,
			state, settle_at, settle_tries, created_at, updated_at)
		SELECT 'charge-' || n, (SELECT id FROM users WHERE username = 'user' || (n / 300 % 10)), 'answer',
			'conversation-' || (n / 3000 % 50), 'message-' || n, 'openrouter', 'model-' || (n % 7),
			'gen-' || n, 100, 50, 0, 150, CAST('0.00004567' AS ` + money + `), n % 10 = 0, NULL,
			'closed', NULL, 0, ` + day + `, '2026-01-01 00:00:00+00:00'
		FROM numbers`
	for _, statement := range []string{statement, "ANALYZE"} {
		if _, err := db.ExecContext(b.Context(), statement); err != nil {
			b.Fatal(err)
		}
	}
	readUsage(b, s, users[3])
}

func readUsage(b *testing.B, s *store.Store, user string) {
	b.Helper()
	for _, group := range []chat.UsageGroup{chat.UsageByDay, chat.UsageByModel, chat.UsageByConversation} {
		b.Run(string(group), func(b *testing.B) {
			for b.Loop() {
				report, err := s.Usage(b.Context(), user, chat.UsageQuery{From: at(-90 * 86400), To: at(400 * 86400), GroupBy: group})
				if err != nil || report.Total.Messages != 100_000 {
					b.Fatalf("%+v, %v", report.Total, err)
				}
			}
		})
	}
}
