package store_test

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/id"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/store"
	"dreamchat/pkg/store/storetest"
)

func forkAt(c chat.Conversation, messageID string) chat.Fork {
	return chat.Fork{UserID: c.UserID, ConversationID: c.ID, MessageID: messageID, ID: id.New(), At: at(9)}
}

func fork(t testing.TB, s *store.Store, c chat.Conversation, messageID string) chat.Conversation {
	t.Helper()
	made, err := s.ForkConversation(t.Context(), forkAt(c, messageID))
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestForkCopiesWhatStands(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newConversation(t, s)
		replaced := exchange(t, s, c, 1)
		b := edit(c, replaced.Question.ID, 2)
		b.Answer.IdempotencyKey, b.Answer.RequestHash = "key", "hash"
		b.Answer.Metadata = chat.Metadata{"temperature": 0.5}
		first := begin(t, s, b)
		answer := first.Answer
		answer.Status, answer.Content, answer.Reasoning, answer.FinishReason = chat.StatusStopped, "Grüße 🎈", "so", "stopped"
		answer.Marks, answer.LastEventSeq, answer.Attempt = []byte{0, 255, 1}, 7, 2
		answer.PromptTokens, answer.CompletionTokens, answer.ReasoningTokens, answer.TokensUsed = 1, 2, 3, 4
		answer.Cost, answer.GenerationID = new("0.5"), "gen-1"
		if _, err := s.FinishAnswer(t.Context(), 1, answer, charge(answer)); err != nil {
			t.Fatal(err)
		}
		broken := begin(t, s, send(c, 3))
		broken.Answer.Error = &chat.Failure{Code: "upstream_error", Message: "m", Details: map[string]any{"a": "b"}}
		finish(t, s, broken.Answer, chat.StatusFailed, "")
		exchange(t, s, c, 4) // behind the fork

		made := fork(t, s, c, broken.Answer.ID)
		want := chat.Conversation{
			ID: made.ID, UserID: c.UserID, Title: c.Title, ModelID: c.ModelID,
			MessageCount: 4, LastSeq: 4, CreatedAt: stored(at(9)), UpdatedAt: stored(at(9)),
		}
		wantEqual(t, made, want)
		found, err := s.Conversation(t.Context(), c.UserID, made.ID)
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, found, want)

		originals, copies := standing(t, s, c)[:4], everything(t, s, made)
		if len(copies) != len(originals) {
			t.Fatalf("%d messages were copied", len(copies))
		}
		for i, original := range originals {
			if copies[i].ID == original.ID || !id.Valid(copies[i].ID) {
				t.Errorf("the copy is called %q", copies[i].ID)
			}
			wantEqual(t, copies[i], copied(original, made, copies, i))
		}
		checkCount(t, s, made)
	})
}

// copied is what the copy at an index is to be.
func copied(original chat.Message, made chat.Conversation, copies []chat.Message, i int) chat.Message {
	want := original
	want.ID, want.ConversationID, want.Seq = copies[i].ID, made.ID, int64(i+1)
	if original.QuestionID != "" {
		want.QuestionID = copies[i-1].ID
	}
	want.PromptTokens, want.CompletionTokens, want.ReasoningTokens, want.TokensUsed = 0, 0, 0, 0
	want.Cost, want.GenerationID, want.Owner, want.Replaces = nil, "", "", ""
	want.IdempotencyKey, want.RequestHash = "", ""
	want.Metadata = chat.Metadata{chat.CopiedFrom: original.ID}
	for key, value := range original.Metadata {
		if key != chat.CopiedFrom {
			want.Metadata[key] = value
		}
	}
	return want
}

func TestForkOfAForkNamesItsOwnOriginals(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newConversation(t, s)
		made := fork(t, s, c, exchange(t, s, c, 1).Answer.ID)
		copies := standing(t, s, made)
		again := fork(t, s, made, copies[1].ID)
		for i, m := range standing(t, s, again) {
			wantEqual(t, m.Metadata, chat.Metadata{chat.CopiedFrom: copies[i].ID})
		}
		begin(t, s, send(again, 2)) // it goes on like any other
	})
}

func TestForkOfWhatCannotBeCopied(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newConversation(t, s)
		old := exchange(t, s, c, 1)
		running := begin(t, s, edit(c, old.Question.ID, 2))
		elsewhere := exchange(t, s, conversationOf(t, s, c.UserID, "elsewhere", at(0)), 1)
		stranger := newConversation(t, s)
		foreign := exchange(t, s, stranger, 1)
		for _, test := range []struct {
			name string
			fork chat.Fork
			kind problem.Kind
		}{
			{"superseded", forkAt(c, old.Answer.ID), problem.Conflict},
			{"being made", forkAt(c, running.Answer.ID), problem.GenerationRunning},
			{"of another conversation", forkAt(c, elsewhere.Answer.ID), problem.NotFound},
			{"of another user", forkAt(c, foreign.Answer.ID), problem.NotFound},
			{"unknown", forkAt(c, id.New()), problem.NotFound},
			{"in a conversation of another user", chat.Fork{
				UserID: c.UserID, ConversationID: stranger.ID, MessageID: foreign.Answer.ID, ID: id.New(), At: at(9),
			}, problem.NotFound},
		} {
			t.Run(test.name, func(t *testing.T) {
				_, err := s.ForkConversation(t.Context(), test.fork)
				wantKind(t, err, test.kind)
				_, err = s.Conversation(t.Context(), c.UserID, test.fork.ID)
				wantKind(t, err, problem.NotFound)
			})
		}
		wantEqual(t, fork(t, s, c, running.Question.ID).MessageCount, 1) // the question is there already
	})
}

// TestForkWhileAnAnswerIsMadeAgain meets both versions standing.
func TestForkWhileAnAnswerIsMadeAgain(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newConversation(t, s)
		old := exchange(t, s, c, 1)
		better := begin(t, s, again(c, old.Answer, 2))
		made := fork(t, s, c, old.Answer.ID)
		copies := everything(t, s, made)
		if len(copies) != 2 || copies[1].Metadata[chat.CopiedFrom] != old.Answer.ID {
			t.Errorf("the copies are %+v", copies)
		}
		finish(t, s, better.Answer, chat.StatusComplete, "better")
		copies = everything(t, s, fork(t, s, c, better.Answer.ID))
		if len(copies) != 2 || copies[1].Content != "better" || copies[1].QuestionID != copies[0].ID {
			t.Errorf("the copies are %+v", copies)
		}
		begin(t, s, again(made, standing(t, s, made)[1], 3)) // a copy can be made again
	})
}

// eachWithSQL is storetest.Each with a way around the store to its rows.
func eachWithSQL(t *testing.T, test func(t *testing.T, s *store.Store, db *sql.DB)) {
	t.Helper()
	eachEmpty(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		if _, err := s.MigrateUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		driver, source := "pgx", url
		if path, isFile := strings.CutPrefix(url, "sqlite:"); isFile {
			driver, source = "sqlite", path
		}
		db, err := sql.Open(driver, source)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		test(t, s, db)
	})
}

func TestForkIsBounded(t *testing.T) {
	eachWithSQL(t, func(t *testing.T, s *store.Store, db *sql.DB) {
		c := newConversation(t, s)
		const columns = `role, content, reasoning, status, model_id, finish_reason, prompt_tokens, completion_tokens,
			reasoning_tokens, tokens_used, generation_id, replaces, superseded_by, attempt, last_event_seq, owner,
			idempotency_key, request_hash, created_at, updated_at`
		exchange(t, s, c, 1)
		filled, err := db.ExecContext(t.Context(), fmt.Sprintf(`INSERT INTO messages (id, conversation_id, seq, question_id, %[1]s)
			WITH RECURSIVE n(i) AS (SELECT 3 UNION ALL SELECT i + 1 FROM n WHERE i < %[2]d)
			SELECT 'filler-' || i, conversation_id, i, '', %[1]s FROM messages, n WHERE seq = 1`,
			columns, chat.ForkLimit+1))
		if err != nil {
			t.Fatal(err)
		}
		if n, err := filled.RowsAffected(); err != nil || n != chat.ForkLimit-1 {
			t.Fatalf("%d messages were added, %v", n, err)
		}
		made := fork(t, s, c, fmt.Sprintf("filler-%d", chat.ForkLimit))
		if made.MessageCount != chat.ForkLimit {
			t.Errorf("%d messages were copied", made.MessageCount)
		}
		last := page(t, s, made, chat.MessageQuery{Order: chat.NewestFirst, Limit: 1})
		wantEqual(t, last[0].Metadata[chat.CopiedFrom], any(fmt.Sprintf("filler-%d", chat.ForkLimit)))
		wantEqual(t, last[0].Seq, int64(chat.ForkLimit))

		_, err = s.ForkConversation(t.Context(), forkAt(c, fmt.Sprintf("filler-%d", chat.ForkLimit+1)))
		wantKind(t, err, problem.Conflict)
		wantEqual(t, problem.From(err).Details["limit"], any(chat.ForkLimit))
	})
}

// TestForkIsOfOneMoment forks at the newest answer while edits replace it: what
// is copied is the whole way to that answer, or nothing.
func TestForkIsOfOneMoment(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newConversation(t, s)
		exchange(t, s, c, 1)
		begun := exchange(t, s, c, 2)
		var newest atomic.Pointer[string]
		newest.Store(new(begun.Answer.ID))
		ended := make(chan struct{})
		var all sync.WaitGroup
		for range 2 {
			all.Go(func() {
				for {
					select {
					case <-ended:
						return
					default:
						forkWhole(t, s, c, *newest.Load())
					}
				}
			})
		}
		for i := range 30 {
			begun = begin(t, s, edit(c, begun.Question.ID, i))
			finish(t, s, begun.Answer, chat.StatusComplete, "answer")
			newest.Store(new(begun.Answer.ID))
		}
		close(ended)
		all.Wait()
		checkCount(t, s, c)
	})
}

// forkWhole forks at the second answer of a conversation, unless that has been
// superseded by now.
func forkWhole(t *testing.T, s *store.Store, c chat.Conversation, answerID string) {
	made, err := s.ForkConversation(t.Context(), forkAt(c, answerID))
	if errors.Is(err, problem.Conflict) {
		return
	}
	if err != nil {
		t.Error(err)
		return
	}
	copies, err := s.Messages(t.Context(), c.UserID, made.ID, chat.MessageQuery{Limit: 9})
	if err != nil || len(copies) != 4 || copies[0].Metadata[chat.CopiedFrom] != answerID {
		t.Errorf("a fork holds %d messages, %v", len(copies), err)
	}
}
