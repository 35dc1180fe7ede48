package chat_test

import (
	"context"
	"errors"
	"io"
	"iter"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/id"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/relay"
	"dreamchat/pkg/servertest"
	"dreamchat/pkg/store"
	"dreamchat/pkg/store/storetest"
)

// fed is a provider that answers what it is fed, word by word.
type fed chan string

func (f fed) Complete(ctx context.Context, _ chat.Request) iter.Seq2[chat.Delta, error] {
	return func(yield func(chat.Delta, error) bool) {
		for {
			select {
			case text, more := <-f:
				if !more {
					yield(chat.Delta{FinishReason: chat.FinishStop}, nil)
					return
				}
				if !yield(chat.Delta{Text: text}, nil) {
					return
				}
			case <-ctx.Done():
				yield(chat.Delta{}, context.Cause(ctx))
				return
			}
		}
	}
}

// pair is two instances that share a database and a Redis. The answer is made by a.
type pair struct {
	a, b             *chat.Generations
	words            fed
	redis            *redis.Client
	userID, answerID string
}

func newPair(t *testing.T) pair {
	t.Helper()
	db, url := storetest.Postgres(t), servertest.StartRedis(t).URL
	p := pair{words: make(fed)}
	p.a, _ = runOn(t, db, url, p.words)
	p.b, p.redis = runOn(t, db, url, p.words)
	user := storetest.User(t, db, "ann")
	now := time.Now().UTC()
	conversation := chat.Conversation{ID: id.New(), UserID: user.ID, ModelID: demo, CreatedAt: now, UpdatedAt: now}
	if err := db.CreateConversation(t.Context(), conversation); err != nil {
		t.Fatal(err)
	}
	sent, err := p.a.Send(t.Context(), chat.Prompt{UserID: user.ID, ConversationID: conversation.ID, Content: "Hi"})
	if err != nil {
		t.Fatal(err)
	}
	p.userID, p.answerID = user.ID, sent.Answer.ID
	return p
}

func runOn(t *testing.T, db *store.Store, url string, words fed) (*chat.Generations, *redis.Client) {
	t.Helper()
	options, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	client, quiet := redis.NewClient(options), slog.New(slog.DiscardHandler)
	streams := relay.New(client, quiet)
	g := &chat.Generations{
		Store: db, Messages: db, Talks: db, Ledger: ledger(db), Notify: notify(), Streams: streams, Log: quiet, Owner: id.New(),
		Models: &chat.Models{Store: db, Cache: direct{}, Default: demo, Providers: chat.Providers{"demo": words}},
	}
	carried, running := make(chan error, 1), make(chan error, 1)
	carrying, silence := context.WithCancel(context.Background())
	making, end := context.WithCancel(context.Background())
	go func() { carried <- streams.Run(carrying) }()
	go func() { running <- g.Run(making) }()
	t.Cleanup(func() {
		end()
		err := <-running
		silence()
		if err := errors.Join(err, <-carried, client.Close()); err != nil {
			t.Error(err)
		}
	})
	return g, client
}

func (p pair) follow(t *testing.T, g *chat.Generations, cursor string) *chat.Feed {
	t.Helper()
	feed, err := g.Follow(t.Context(), p.userID, p.answerID, cursor)
	if err != nil {
		t.Fatal(err)
	}
	return feed
}

// read reads a feed up to the event n, or to its end if n is 0.
func read(t *testing.T, feed *chat.Feed, n int) []chat.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var all []chat.Event
	for n == 0 || feed.After < n {
		events, err := feed.Log.Next(ctx, feed.After)
		if errors.Is(err, io.EOF) && n == 0 {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, events...)
		feed.After += len(events)
	}
	return all
}

func TestAnAnswerIsFollowedOnTheOtherInstance(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.words <- "one "
	p.words <- "two "
	here, there := p.follow(t, p.a, ""), p.follow(t, p.b, "")
	defer here.Close()
	defer there.Close()
	whole, mirrored := read(t, here, 3), read(t, there, 3)
	ended := make(chan chat.Message, 1)
	go func() {
		answer, err := p.b.Await(t.Context(), p.userID, p.answerID)
		if err != nil {
			t.Error(err)
		}
		ended <- answer
	}()
	cursors := []string{"1.0", "1.1", "1.2", "1.3"}
	feeds := make([]*chat.Feed, len(cursors))
	for i, cursor := range cursors {
		feeds[i] = p.follow(t, p.b, cursor)
		defer feeds[i].Close()
	}
	p.words <- "three"
	close(p.words)
	whole, mirrored = append(whole, read(t, here, 0)...), append(mirrored, read(t, there, 0)...)
	if len(whole) != 5 || !slices.Equal(whole, mirrored) {
		t.Errorf("there are %v, here %v", mirrored, whole)
	}
	for i, feed := range feeds {
		if got := read(t, feed, 0); !slices.Equal(got, whole[i:]) || feed.Reset != "" {
			t.Errorf("from %s there are %v, reset %q", cursors[i], got, feed.Reset)
		}
	}
	if answer := <-ended; answer.Content != "one two three" || answer.Status != chat.StatusComplete {
		t.Errorf("the end that was awaited is %+v", answer)
	}
}

func TestAReaderWhoHasSeenMoreElsewhereGoesOn(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.words <- "one "
	read(t, p.follow(t, p.b, ""), 2)
	ahead := make(chan *chat.Feed, 1)
	go func() {
		feed, err := p.b.Follow(t.Context(), p.userID, p.answerID, "1.3")
		if err != nil {
			t.Error(err)
		}
		ahead <- feed
	}()
	p.words <- "two "
	p.words <- "three"
	if feed := <-ahead; feed == nil || feed.Reset != "" || feed.After != 3 {
		t.Errorf("a reader who is a little ahead gets %+v", feed)
	}
	begun := time.Now()
	if feed := p.follow(t, p.b, "1.999"); feed.Reset != chat.ResetAhead || feed.After != 0 {
		t.Errorf("a reader who is far ahead gets %+v", feed)
	}
	if took := time.Since(begun); took > 8*time.Second {
		t.Errorf("who is far ahead waits %s", took)
	}
	close(p.words)
}

func TestThereIsRoomForSoManyReadersAndTheLastOneEndsTheMirror(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.words <- "one "
	feeds := make([]*chat.Feed, chat.MaxReaders)
	for i := range feeds {
		feeds[i] = p.follow(t, p.b, "")
	}
	if _, err := p.b.Follow(t.Context(), p.userID, p.answerID, ""); !errors.Is(err, problem.TooMany) {
		t.Errorf("one reader too many gets %v", err)
	}
	feeds[0].Close()
	feeds[0].Close()
	feeds[0] = p.follow(t, p.b, "")
	listening := func() int64 {
		const bell = "dreamchat:bell:"
		channel := bell + chat.StreamTopic(p.answerID)
		return p.redis.PubSubNumSub(t.Context(), channel).Val()[channel]
	}
	if n := listening(); n != 1 {
		t.Errorf("%d connections listen for one instance's readers", n)
	}
	for _, feed := range feeds {
		feed.Close()
	}
	deadline := time.After(10 * time.Second)
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for listening() != 0 {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatal("somebody still listens for readers who left")
		}
	}
	close(p.words)
}
