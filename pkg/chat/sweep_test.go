package chat_test

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/store/storetest"
)

// frozen are streams that somebody else carries, who stands still.
type frozen struct{ chat.Alone }

func (*frozen) Seize(ctx context.Context, _ string, _ int) (chat.Tail, error) {
	<-ctx.Done()
	return chat.Tail{}, context.Cause(ctx)
}

// However long it takes to close what others have left behind, what is made here
// is saved meanwhile. Else it would count as left behind itself.
func TestSweepsKeepNoAnswerFromBeingSaved(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db, words := storetest.SQLite(t), make(fed)
		for range 5 {
			leave(t, db, "gone")
		}
		userID, conversationID := talk(t, db)
		here := &chat.Generations{
			Store: db, Messages: db, Talks: db, Ledger: ledger(db), Notify: notify(), Streams: new(frozen), Log: slog.New(slog.DiscardHandler), Owner: "here",
			Models: &chat.Models{Store: db, Cache: direct{}, Default: demo, Providers: chat.Providers{"demo": words}},
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- here.Run(ctx) }()
		sent, err := here.Send(t.Context(), chat.Prompt{UserID: userID, ConversationID: conversationID, Content: "Hi"})
		if err != nil {
			t.Fatal(err)
		}
		for range 40 {
			time.Sleep(time.Second)
			synctest.Wait()
			answer, err := db.Message(t.Context(), userID, sent.Answer.ID)
			if err != nil {
				t.Fatal(err)
			}
			if silent := time.Since(answer.UpdatedAt); silent > 4*time.Second {
				t.Errorf("an answer that is being made was silent for %s", silent)
				break
			}
		}
		close(words)
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
