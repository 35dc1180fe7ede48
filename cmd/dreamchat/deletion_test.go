package main_test

import (
	"context"
	"net/http"
	"testing"

	"dreamchat/pkg/llm/llmtest"
)

// The server that deletes an account is killed in the middle, with an answer that
// it makes for it. The other one finishes.
func TestKilledInTheMiddleOfADeletion(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	count := func(query string) (n int) {
		t.Helper()
		if err := p.db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	p.plan("Go on", []llmtest.Step{llmtest.Text("Half"), llmtest.Hang()})
	p.onA.ask(p.conversation(), "Go on").textIs("Half")
	const messages = 20_000
	filled := p.conversation()
	if _, err := p.db.ExecContext(t.Context(), `INSERT INTO messages (id, conversation_id, seq, role, content, reasoning, status,
			model_id, finish_reason, prompt_tokens, completion_tokens, reasoning_tokens, tokens_used, generation_id, question_id,
			replaces, superseded_by, attempt, last_event_seq, owner, idempotency_key, request_hash, created_at, updated_at)
		SELECT gen_random_uuid()::text, $1, n, 'user', 'Hello', '', 'complete', '', '', 0, 0, 0, 0, '', '', '', '', 0, 0, '', '', '',
			now(), now() FROM generate_series(1, $2::int) AS n`, filled, messages); err != nil {
		t.Fatal(err)
	}
	go func() {
		request, err := p.onA.request(context.WithoutCancel(t.Context()), http.MethodDelete, "/api/v1/me", nil)
		if err != nil {
			return
		}
		if response, err := p.onA.http.Do(request); err == nil {
			_ = response.Body.Close() // it was faster than the kill, which the count tells
		}
	}()
	eventually(t, "the deletion is under way", func() bool { return count("SELECT count(*) FROM messages") < messages })
	p.a.kill()
	if left := count("SELECT count(*) FROM messages"); left == 0 {
		t.Fatal("the deletion was through already")
	}
	eventually(t, "the other server finishes", func() bool { return count("SELECT count(*) FROM users") == 0 })
	if left := count("SELECT (SELECT count(*) FROM messages) + (SELECT count(*) FROM conversations) + (SELECT count(*) FROM charges)"); left > 0 {
		t.Errorf("%d rows are left", left)
	}
	for _, pattern := range []string{"*stream:*", "*" + p.onA.session.User.ID + "*"} {
		if keys, err := p.redis.Keys(t.Context(), pattern).Result(); err != nil || len(keys) > 0 {
			t.Errorf("in Redis are left %q, %v", keys, err)
		}
	}
	p.onB.reply(http.StatusUnauthorized, http.MethodGet, "/api/v1/auth/me", nil)
	p.b.register("ada")
	p.quiet()
}
