package chat_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/store"
	"dreamchat/pkg/store/storetest"
)

// mute is a database whose connection breaks right after it has stored the end of
// an answer.
type mute struct {
	*store.Store
	tried int // by one goroutine
}

func (m *mute) FinishAnswer(ctx context.Context, attempt int, answer chat.Message, charge chat.Charge) (chat.Conversation, error) {
	conversation, err := m.Store.FinishAnswer(ctx, attempt, answer, charge)
	if m.tried++; m.tried == 1 {
		return chat.Conversation{}, problem.Unavailable.New("The connection broke.")
	}
	return conversation, err
}

func TestACommitWhoseReplyIsLostIsACommit(t *testing.T) {
	t.Parallel()
	db, words := storetest.SQLite(t), make(fed)
	userID, conversationID := talk(t, db)
	outcomes := make(chan chat.Outcome, 1)
	here := &chat.Generations{
		Store: &mute{Store: db}, Messages: db, Talks: db, Ledger: ledger(db), Notify: notify(), Streams: new(chat.Alone),
		Log: slog.New(slog.DiscardHandler), Owner: "here", OnFinish: func(o chat.Outcome) { outcomes <- o },
		Models: &chat.Models{Store: db, Cache: direct{}, Default: demo, Providers: chat.Providers{"demo": words}},
	}
	bell := here.Notify.Bells.Listen("feed:" + userID)
	defer bell.Close()
	sent, err := here.Send(t.Context(), chat.Prompt{UserID: userID, ConversationID: conversationID, Content: "Hi"})
	if err != nil {
		t.Fatal(err)
	}
	<-bell.C // it has begun
	feed, err := here.Follow(t.Context(), userID, sent.Answer.ID, "")
	if err != nil {
		t.Fatal(err)
	}
	defer feed.Close()
	words <- "Hello"
	close(words)
	if events := read(t, feed, 0); events[len(events)-1].Type != chat.EventComplete {
		t.Errorf("the stream is %v", events)
	}
	if got := <-outcomes; got.Status != chat.StatusComplete {
		t.Errorf("it ended as %+v", got)
	}
	select {
	case <-bell.C:
	case <-time.After(10 * time.Second):
		t.Error("the readers of the feed are not told of the end")
	}
}
