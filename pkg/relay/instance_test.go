package relay_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/id"
	"dreamchat/pkg/relay"
	"dreamchat/pkg/servertest"
	"dreamchat/pkg/stream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// instance is a relay as one process has it, with a way to Redis that can be shut.
type instance struct {
	*relay.Relay
	gate *servertest.Gate
	stop func()
}

// start runs an instance until the test ends or stop is called.
func start(t testing.TB, url string) *instance {
	t.Helper()
	options, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	g := servertest.NewGate(t, options.Addr)
	options.Addr = g.Addr()
	client := redis.NewClient(options)
	i := &instance{Relay: relay.New(client, slog.New(slog.DiscardHandler)), gate: g}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- i.Run(ctx) }()
	stopped := false
	i.stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		client.Close()
	}
	t.Cleanup(func() { i.stop() })
	return i
}

// answer is the writing end of a new answer's stream.
type answer struct {
	chat.Publication
	id  string
	log *stream.Log[chat.Event]
}

func publish(i *instance) answer {
	a := answer{id: id.New(), log: new(stream.Log[chat.Event])}
	_ = a.log.Append(chat.Event{Type: chat.EventAck})
	a.Publication = i.Publish(a.id, a.log)
	return a
}

func word(text string) chat.Event { return chat.Event{Type: chat.EventChunk, Text: text} }

const (
	patience = 10 * time.Second
	moment   = 5 * time.Millisecond
)

// eventually polls until the condition holds.
func eventually(t rapid.TB, what string, holds func() bool) {
	t.Helper()
	if !within(patience, holds) {
		t.Fatalf("not within %s: %s", patience, what)
	}
}

func within(limit time.Duration, holds func() bool) bool {
	deadline := time.After(limit)
	ticker := time.NewTicker(moment)
	defer ticker.Stop()
	for !holds() {
		select {
		case <-ticker.C:
		case <-deadline:
			return holds()
		}
	}
	return true
}

func keys(messageID string) (head, events string) {
	events = "dreamchat:stream:{" + messageID + "}"
	return events + ":head", events
}

func texts(events []chat.Event) string {
	var all strings.Builder
	for _, event := range events {
		all.WriteString(event.Text)
	}
	return all.String()
}

func tail(t testing.TB, i *instance, messageID string, after int) chat.Tail {
	t.Helper()
	found, err := i.Tail(context.Background(), messageID, after)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

var errGone = errors.New("gone")
