package store_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/store"
	"dreamchat/pkg/store/storetest"
)

const pageSize = 50

// messageCount is how many messages the benchmark's database holds; a tenth of
// them is in one conversation. DREAMCHAT_BENCH_MESSAGES overrides it.
func messageCount(b *testing.B) int {
	b.Helper()
	text := os.Getenv("DREAMCHAT_BENCH_MESSAGES")
	if text == "" {
		return 1_000_000
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 10*pageSize {
		b.Fatalf("DREAMCHAT_BENCH_MESSAGES is %q", text)
	}
	return n
}

// Columns in the order of the fields of chat.Message.
const messageColumns = `id, conversation_id, seq, role, content, reasoning, status, model_id, finish_reason,
	prompt_tokens, completion_tokens, reasoning_tokens, tokens_used, cost::text, estimated, generation_id, error, metadata,
	question_id, client_id, replaces, superseded_by, attempt, last_event_seq, marks, reasoning_details, owner, stop_requested, idempotency_key, request_hash,
	created_at, updated_at`

const seekSQL = `SELECT ` + messageColumns + ` FROM messages
	WHERE conversation_id = $1 AND seq > $2 AND seq < $3 AND superseded_by = ''
	AND EXISTS (SELECT 1 FROM conversations WHERE id = $1 AND user_id = $4)
	ORDER BY seq DESC LIMIT $5`

const offsetSQL = `SELECT ` + messageColumns + ` FROM messages
	WHERE conversation_id = $1 AND superseded_by = ''
	AND EXISTS (SELECT 1 FROM conversations WHERE id = $1 AND user_id = $2)
	ORDER BY seq DESC LIMIT $3 OFFSET $4`

// BenchmarkPages reads the newest and the oldest page of a long conversation:
// through the store, by the store's statement over bare pgx, and by OFFSET.
func BenchmarkPages(b *testing.B) {
	url := storetest.PostgresURL(b)
	s, conn := storetest.Open(b, url), bare(b, url)
	total := messageCount(b)
	c := fill(b, s, conn, total)
	length := int64(total / 10)
	for _, place := range []struct {
		name   string
		before int64
	}{
		{"first", length + 1},
		{"last", pageSize + 1},
	} {
		b.Run(place.name+"/store", func(b *testing.B) {
			query := chat.MessageQuery{Before: place.before, Order: chat.NewestFirst, Limit: pageSize}
			for b.Loop() {
				checkPage(b, page(b, s, c, query), place.before)
			}
		})
		b.Run(place.name+"/pgx", func(b *testing.B) {
			for b.Loop() {
				checkPage(b, query(b, conn, seekSQL, c.ID, 0, place.before, c.UserID, pageSize), place.before)
			}
		})
		b.Run(place.name+"/offset", func(b *testing.B) {
			for b.Loop() {
				checkPage(b, query(b, conn, offsetSQL, c.ID, c.UserID, pageSize, length+1-place.before), place.before)
			}
		})
	}
}

func bare(b *testing.B, url string) *pgx.Conn {
	b.Helper()
	conn, err := pgx.Connect(b.Context(), url)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func query(b *testing.B, conn *pgx.Conn, sql string, arguments ...any) []chat.Message {
	b.Helper()
	rows, err := conn.Query(b.Context(), sql, arguments...)
	if err != nil {
		b.Fatal(err)
	}
	messages, err := pgx.CollectRows(rows, pgx.RowToStructByPos[chat.Message])
	if err != nil {
		b.Fatal(err)
	}
	return messages
}

func checkPage(b *testing.B, messages []chat.Message, before int64) {
	b.Helper()
	if len(messages) != pageSize || messages[0].Seq != before-1 {
		b.Fatalf("the page holds %d messages", len(messages))
	}
}

// fill stores one conversation with a tenth of the messages, which it returns,
// and others with a thousand or less each.
func fill(b *testing.B, s *store.Store, conn *pgx.Conn, total int) chat.Conversation {
	b.Helper()
	long := newConversation(b, s)
	run(b, conn, `INSERT INTO conversations
		SELECT 'conversation-' || n, $1, '', '', '', FALSE, FALSE, 1000, 0, 1000, now(), now()
		FROM generate_series(0, $2::int) AS n`, long.UserID, total*9/10/1000)
	insert := `INSERT INTO messages (id, conversation_id, seq, role, content, reasoning, status, model_id,
			finish_reason, prompt_tokens, completion_tokens, reasoning_tokens, tokens_used, cost, generation_id,
			question_id, replaces, superseded_by, attempt, last_event_seq, owner, idempotency_key, request_hash,
			created_at, updated_at)
		SELECT $1 || '-message-' || n, %s, CASE WHEN n %% 2 = 0 THEN 'user' ELSE 'assistant' END,
			repeat('a word of the text ', 15), '', 'complete', 'openai/gpt-4o-mini', 'stop', 100, 50, 0, 150,
			0.000045, 'gen-' || n, '', '', '', 1, 60, 'instance', '', '', now(), now()
		FROM generate_series(0, $2::int - 1) AS n`
	run(b, conn, fmt.Sprintf(insert, "$1, n + 1"), long.ID, total/10)
	run(b, conn, fmt.Sprintf(insert, "'conversation-' || n / 1000, n % 1000 + 1"), "other", total*9/10)
	run(b, conn, "VACUUM ANALYZE")
	return long
}

func run(b *testing.B, conn *pgx.Conn, sql string, arguments ...any) {
	b.Helper()
	if _, err := conn.Exec(b.Context(), sql, arguments...); err != nil {
		b.Fatal(err)
	}
}
