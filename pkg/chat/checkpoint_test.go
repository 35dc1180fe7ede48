package chat_test

import (
	"context"
	"iter"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/store"
	"dreamchat/pkg/store/storetest"
)

// wordy is a provider that says so many bytes at once and comes to no end.
type wordy int

func (w wordy) Complete(ctx context.Context, _ chat.Request) iter.Seq2[chat.Delta, error] {
	return func(yield func(chat.Delta, error) bool) {
		if !yield(chat.Delta{Text: strings.Repeat("x", int(w))}, nil) {
			return
		}
		<-ctx.Done()
		yield(chat.Delta{}, context.Cause(ctx))
	}
}

// weighed is a database that notes how much text one checkpoint brings at most.
type weighed struct {
	*store.Store

	most int // by one goroutine
}

func (w *weighed) Checkpoint(ctx context.Context, answers []chat.Message, now time.Time) ([]string, error) {
	size := 0
	for _, answer := range answers {
		size += len(answer.Content)
	}
	w.most = max(w.most, size)
	return w.Store.Checkpoint(ctx, answers, now)
}

func TestCheckpointsAreOfABoundedSize(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const size = 3 << 20
		db := &weighed{Store: storetest.SQLite(t)}
		here := &chat.Generations{
			Store: db, Messages: db, Talks: db, Ledger: ledger(db.Store), Notify: notify(), Streams: new(chat.Alone), Log: slog.New(slog.DiscardHandler), Owner: "here",
			Models: &chat.Models{Store: db, Cache: direct{}, Default: demo, Providers: chat.Providers{"demo": wordy(size)}},
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- here.Run(ctx) }()
		users := make(map[string]string) // by answer
		for range 5 {
			userID, conversationID := talk(t, db.Store)
			sent, err := here.Send(t.Context(), chat.Prompt{UserID: userID, ConversationID: conversationID, Content: "Hi"})
			if err != nil {
				t.Fatal(err)
			}
			users[sent.Answer.ID] = userID
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		for answerID, userID := range users {
			if answer, err := db.Message(t.Context(), userID, answerID); err != nil || len(answer.Content) != size {
				t.Errorf("%d bytes are saved, %v", len(answer.Content), err)
			}
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if db.most > 8<<20 {
			t.Errorf("one checkpoint brings %d bytes", db.most)
		}
	})
}
