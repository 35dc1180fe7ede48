package store_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/store/storetest"
)

const (
	advanceSQL = `UPDATE conversations
		SET last_seq = last_seq + 2, message_count = message_count + 2, updated_at = $1
		WHERE id = $2 AND user_id = $3 RETURNING last_seq`
	insertSQL = `INSERT INTO messages (id, conversation_id, seq, role, content, reasoning, status, model_id,
			finish_reason, prompt_tokens, completion_tokens, reasoning_tokens, tokens_used, cost, generation_id,
			error, metadata, question_id, replaces, superseded_by, attempt, last_event_seq, marks, owner,
			idempotency_key, request_hash, created_at, updated_at)
		VALUES
			($1, $2, $3, 'user', $4, '', 'complete', '', '', 0, 0, 0, 0, NULL, '', NULL, NULL, '', '', '', 0, 0, NULL, '', '', '', $7, $7),
			($5, $2, $3 + 1, 'assistant', '', '', 'streaming', $6, '', 0, 0, 0, 0, NULL, '', NULL, NULL, $1, '', '', 1, 0, NULL, 'here', '', '', $7, $7)
		ON CONFLICT DO NOTHING`
	settleSQL = `UPDATE conversations
		SET total_tokens = total_tokens + $1, updated_at = $2 WHERE id = $3 RETURNING last_seq`
	closeSQL = `UPDATE messages SET content = $1, reasoning = '', status = 'complete', model_id = $2,
			finish_reason = 'stop', prompt_tokens = 1, completion_tokens = 2, reasoning_tokens = 0, tokens_used = 3,
			cost = NULL, generation_id = '', error = NULL, metadata = NULL, superseded_by = '', attempt = 1,
			last_event_seq = 60, marks = NULL, updated_at = $3
		WHERE id = $4 AND attempt = 1 AND status = 'streaming'`
)

// BenchmarkExchange stores a question with its answer and closes the answer:
// through the store, and by the same statements over bare pgx.
func BenchmarkExchange(b *testing.B) {
	url := storetest.PostgresURL(b)
	s, conn := storetest.Open(b, url), bare(b, url)
	c := newConversation(b, s)
	b.Run("store", func(b *testing.B) {
		for b.Loop() {
			exchange(b, s, c, 1)
		}
	})
	b.Run("pgx", func(b *testing.B) {
		for b.Loop() {
			bareExchange(b, conn, send(c, 1))
		}
	})
}

func bareExchange(b *testing.B, conn *pgx.Conn, beginning chat.Beginning) {
	b.Helper()
	question, answer := beginning.Question, beginning.Answer
	inTransaction(b, conn, func(tx pgx.Tx) error {
		var seq int64
		row := tx.QueryRow(b.Context(), advanceSQL, answer.CreatedAt, beginning.ConversationID, beginning.UserID)
		if err := row.Scan(&seq); err != nil {
			return err
		}
		_, err := tx.Exec(b.Context(), insertSQL, question.ID, beginning.ConversationID, seq-1,
			question.Content, answer.ID, answer.ModelID, answer.CreatedAt)
		return err
	})
	inTransaction(b, conn, func(tx pgx.Tx) error {
		var seq int64
		row := tx.QueryRow(b.Context(), settleSQL, 3, answer.UpdatedAt, beginning.ConversationID)
		if err := row.Scan(&seq); err != nil {
			return err
		}
		_, err := tx.Exec(b.Context(), closeSQL, "answer", answer.ModelID, answer.UpdatedAt, answer.ID)
		return err
	})
}

func inTransaction(b *testing.B, conn *pgx.Conn, work func(pgx.Tx) error) {
	b.Helper()
	if err := pgx.BeginFunc(b.Context(), conn, work); err != nil {
		b.Fatal(err)
	}
}
