package chat_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/id"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/store"
	"dreamchat/pkg/store/storetest"
	"dreamchat/pkg/stream"
)

const demo = "dreamchat/demo" // is in every catalogue

// uncached is a list cache that keeps nothing.
type uncached struct{}

func (uncached) Get(ctx context.Context, _, _ string, load func(context.Context) ([]byte, error)) ([]byte, error) {
	return load(ctx)
}

func (uncached) Advance(context.Context, string) {}

func (uncached) Forget(context.Context, string) error { return nil }

func ledger(db *store.Store) *chat.Ledger {
	return &chat.Ledger{Store: db, Budgets: &chat.Budgets{Store: db}, Log: slog.New(slog.DiscardHandler)}
}

func notify() chat.Notifier { return chat.Notifier{Lists: uncached{}, Bells: new(stream.Bells)} }

// talk stores an empty conversation of a new user.
func talk(t *testing.T, db *store.Store) (userID, conversationID string) {
	t.Helper()
	user := storetest.User(t, db, "user"+id.New())
	now := time.Now().UTC()
	conversation := chat.Conversation{ID: id.New(), UserID: user.ID, ModelID: demo, CreatedAt: now, UpdatedAt: now}
	if err := db.CreateConversation(t.Context(), conversation); err != nil {
		t.Fatal(err)
	}
	return user.ID, conversation.ID
}

// leave stores a question with an answer that its owner has begun.
func leave(t *testing.T, db *store.Store, owner string) (userID, answerID string) {
	t.Helper()
	userID, conversationID := talk(t, db)
	now := time.Now().UTC()
	begun, err := db.BeginAnswer(t.Context(), chat.Beginning{
		UserID: userID, ConversationID: conversationID,
		Question: &chat.Message{ID: id.New(), Role: chat.RoleUser, Content: "Hi", Status: chat.StatusComplete, CreatedAt: now, UpdatedAt: now},
		Answer: chat.Message{
			ID: id.New(), Role: chat.RoleAssistant, Status: chat.StatusStreaming, ModelID: demo,
			Attempt: 1, LastEventSeq: 1, Owner: owner, CreatedAt: now, UpdatedAt: now,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return userID, begun.Answer.ID
}

func status(t *testing.T, db *store.Store, userID, answerID string) chat.Status {
	t.Helper()
	answer, err := db.Message(t.Context(), userID, answerID)
	if err != nil {
		t.Fatal(err)
	}
	return answer.Status
}

// An answer of another server is closed once that has said nothing for long;
// one that is heard of every second never is.
func TestSilentServersAnswersAreClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := storetest.SQLite(t)
		ctx, stop := context.WithCancel(t.Context())
		here := &chat.Generations{
			Store: db, Messages: db, Talks: db, Models: &chat.Models{Store: db, Cache: direct{}}, Ledger: ledger(db),
			Notify: notify(), Streams: new(chat.Alone), Log: slog.New(slog.DiscardHandler), Owner: "here",
		}
		ended := make(chan error, 1)
		silentUser, silent := leave(t, db, "silent")
		aliveUser, alive := leave(t, db, "alive")
		ownUser, own := leave(t, db, "here")
		go func() { ended <- here.Run(ctx) }()

		for second := range 30 {
			time.Sleep(time.Second)
			synctest.Wait()
			if _, err := db.Checkpoint(t.Context(), []chat.Message{{ID: alive, Attempt: 1, Content: "more"}}, time.Now()); err != nil {
				t.Fatal(err)
			}
			if got := status(t, db, ownUser, own); got != chat.StatusInterrupted {
				t.Fatalf("after %d s our own answer is %s", second+1, got)
			}
			if got := status(t, db, silentUser, silent); second < 7 && got != chat.StatusStreaming {
				t.Fatalf("after %d s the silent answer is %s", second+1, got)
			} else if second > 10 && got != chat.StatusInterrupted {
				t.Fatalf("after %d s the silent answer is still %s", second+1, got)
			}
		}
		if got := status(t, db, aliveUser, alive); got != chat.StatusStreaming {
			t.Errorf("the answer that is alive is %s", got)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// However many answers a killed process left behind, they are closed at once.
func TestAllThatWasLeftBehindIsClosedAtTheStart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := storetest.SQLite(t)
		for range 250 {
			leave(t, db, "here")
		}
		here := &chat.Generations{
			Store: db, Messages: db, Talks: db, Models: &chat.Models{Store: db, Cache: direct{}}, Ledger: ledger(db),
			Notify: notify(), Streams: new(chat.Alone), Log: slog.New(slog.DiscardHandler), Owner: "here",
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- here.Run(ctx) }()
		synctest.Wait() // and no time passes
		left, err := db.RunningAnswers(t.Context(), "", 1)
		if err != nil || len(left) > 0 {
			t.Errorf("still streaming: %+v, %v", left, err)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// After Run has been told to end, no further answer begins.
func TestNoAnswerBeginsAfterTheEnd(t *testing.T) {
	t.Parallel()
	db := storetest.SQLite(t)
	userID, answerID := leave(t, db, "here")
	models := &chat.Models{
		Store: db, Cache: direct{}, Default: demo,
		Providers: chat.Providers{"demo": nil}, // is never asked
	}
	here := &chat.Generations{
		Store: db, Messages: db, Talks: db, Ledger: ledger(db), Models: models, Notify: notify(), Streams: new(chat.Alone), Log: slog.New(slog.DiscardHandler), Owner: "here",
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := here.Run(ctx); err != nil {
		t.Fatal(err)
	}
	answer, err := db.Message(t.Context(), userID, answerID)
	if err != nil {
		t.Fatal(err)
	}
	_, err = here.Send(t.Context(), chat.Prompt{UserID: userID, ConversationID: answer.ConversationID, Content: "Hi"})
	if found := problem.From(err); found.Kind != problem.Unavailable || found.RetryAfterSeconds() == 0 {
		t.Errorf("a send after the end: %v", err)
	}
}

// standsStill is a database that stops answering before it has read a history.
type standsStill struct{ *store.Store }

func (s standsStill) History(ctx context.Context, query chat.HistoryQuery) (chat.History, error) {
	<-ctx.Done()
	return s.Store.History(ctx, query)
}

func TestAnswerDoesNotWaitForItsHistoryForEver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := storetest.SQLite(t)
		userID, answerID := leave(t, db, "here")
		models := &chat.Models{
			Store: db, Cache: direct{}, Default: demo,
			Providers: chat.Providers{"demo": nil}, // is never asked
		}
		here := &chat.Generations{
			Store: standsStill{db}, Messages: db, Talks: db, Ledger: ledger(db), Models: models, Notify: notify(), Streams: new(chat.Alone), Log: slog.New(slog.DiscardHandler), Owner: "here",
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- here.Run(ctx) }()
		time.Sleep(time.Second)
		left, err := db.Message(t.Context(), userID, answerID)
		if err != nil {
			t.Fatal(err)
		}
		sent, err := here.Send(t.Context(), chat.Prompt{UserID: userID, ConversationID: left.ConversationID, Content: "Hi"})
		if err != nil {
			t.Fatal(err)
		}
		waiting, leave := context.WithTimeout(t.Context(), time.Minute)
		defer leave()
		answer, err := here.Await(waiting, userID, sent.Answer.ID)
		if err != nil || answer.Status != chat.StatusFailed || answer.Error.Code != problem.Unavailable.Code() {
			t.Errorf("the answer ends as %s, %+v, %v", answer.Status, answer.Error, err)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// direct is a cache of the catalogue that keeps nothing.
type direct struct{}

func (direct) Get(ctx context.Context, load func(context.Context) ([]chat.Model, error)) ([]chat.Model, error) {
	return load(ctx)
}

func (direct) Advance(context.Context) {}
