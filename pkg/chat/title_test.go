package chat_test

import (
	"context"
	"iter"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/store/storetest"
)

// faulty is a provider that answers, but does this when it is asked for a title.
type faulty func(ctx context.Context, yield func(chat.Delta, error) bool)

func (f faulty) Complete(ctx context.Context, request chat.Request) iter.Seq2[chat.Delta, error] {
	return func(yield func(chat.Delta, error) bool) {
		if *request.MaxTokens == chat.TitleMaxTokens {
			f(ctx, yield)
			return
		}
		yield(chat.Delta{Text: "Hello.", FinishReason: chat.FinishStop}, nil)
	}
}

func TestNoProviderSpoilsATitle(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		title faulty
		takes time.Duration
		want  string
	}{
		"it never ends": {func(ctx context.Context, yield func(chat.Delta, error) bool) {
			<-ctx.Done()
			yield(chat.Delta{}, context.Cause(ctx))
		}, 15 * time.Second, "How are you?"},
		"it panics": {func(context.Context, func(chat.Delta, error) bool) {
			panic("oh no") //nolint:forbidigo // what a provider must never do
		}, 0, "How are you?"},
		"it knows no limit": {func(_ context.Context, yield func(chat.Delta, error) bool) {
			for yield(chat.Delta{Text: "more and "}, nil) {
			}
		}, 0, "more and more and more and more and more and more and more and more and more and"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				took, got := title(t, tt.title)
				if took != tt.takes || got != tt.want {
					t.Errorf("after %v the title is %q, want %q after %v", took, got, tt.want, tt.takes)
				}
			})
		})
	}
}

// title asks a question and waits for the title of the conversation.
func title(t *testing.T, provider faulty) (took time.Duration, title string) {
	t.Helper()
	db := storetest.SQLite(t)
	userID, answerID := leave(t, db, "here")
	models := &chat.Models{Store: db, Cache: direct{}, Default: demo, Providers: chat.Providers{"demo": provider}}
	here := &chat.Generations{
		Store: db, Messages: db, Talks: db, Ledger: ledger(db), Models: models, Notify: notify(), Streams: new(chat.Alone), Log: slog.New(slog.DiscardHandler), Owner: "here", Titles: true,
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- here.Run(ctx) }()
	time.Sleep(time.Second) // and so what was left is closed
	left, err := db.Message(t.Context(), userID, answerID)
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	sent, err := here.Send(t.Context(), chat.Prompt{UserID: userID, ConversationID: left.ConversationID, Content: "How are you?"})
	if err != nil {
		t.Fatal(err)
	}
	answer, err := here.Await(t.Context(), userID, sent.Answer.ID)
	if err != nil || answer.Status != chat.StatusComplete || time.Since(begun) != 0 {
		t.Errorf("after %v the answer is %s, %v", time.Since(begun), answer.Status, err)
	}
	for title == "" && took < time.Minute {
		conversation, err := db.Conversation(t.Context(), userID, left.ConversationID)
		if err != nil {
			t.Fatal(err)
		}
		if title = conversation.Title; title == "" {
			time.Sleep(500 * time.Millisecond)
			synctest.Wait()
		}
		took = time.Since(begun)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	return took.Truncate(time.Second), title
}
