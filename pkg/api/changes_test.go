package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"dreamchat/pkg/api"
	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/problem"
)

const feed = "/api/v1/events"

// changes opens the feed of a user.
func changes(t *testing.T, user *apitest.User, headers ...string) *apitest.Stream {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return user.Stream(ctx, http.MethodGet, feed, nil, headers...)
}

// next reads so many events.
func next(t *testing.T, stream *apitest.Stream, n int) []apitest.StreamEvent {
	t.Helper()
	events := make([]apitest.StreamEvent, n)
	for i := range events {
		event, ok := stream.Next()
		if !ok {
			t.Fatalf("the stream ends after %+v", events[:i])
		}
		events[i] = event
	}
	return events
}

// isReset fails the test if the next event does not ask for the lists to be
// loaded again.
func isReset(t *testing.T, stream *apitest.Stream, reason, id string) {
	t.Helper()
	event := next(t, stream, 1)[0]
	if event.Name != "feed_reset" || event.Data["reason"] != reason || event.ID != id {
		t.Errorf("the feed begins with %+v, want %s and the id %s", event, reason, id)
	}
}

// numbered are the events that a feed holds, by what the database says.
func numbered(t *testing.T, s *apitest.Service, user *apitest.User) []string {
	t.Helper()
	stored, err := s.Store.Changes(t.Context(), user.Session.User.ID, 0, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	lines := make([]string, len(stored))
	for i, change := range stored {
		lines[i] = fmt.Sprintf("%d %s %s", change.Seq, change.Type, change.Data)
	}
	return lines
}

// lines are events in the form of numbered.
func lines(t *testing.T, events []apitest.StreamEvent) []string {
	t.Helper()
	told := make([]string, len(events))
	for i, event := range events {
		told[i] = event.ID + " " + event.Name + " "
	}
	return told
}

// sameChanges compares events with stored changes: number, type and payload.
func sameChanges(t *testing.T, got []apitest.StreamEvent, want []string) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d events, want %d", len(got), len(want))
	}
	for i, begin := range lines(t, got) {
		var data map[string]any
		payload, found := strings.CutPrefix(want[i], begin)
		if !found {
			t.Fatalf("event %d is %s, want %s", i, begin, want[i])
		}
		if err := json.Unmarshal([]byte(payload), &data); err != nil || !reflect.DeepEqual(data, got[i].Data) {
			t.Fatalf("%s is told as %v", want[i], got[i].Data)
		}
	}
}

// patient readers do not look by themselves: they hear a ring, or nothing.
func patient(server *api.Server) { server.Heartbeat = time.Hour }

func TestFeedTellsEveryChangeInOrder(t *testing.T) {
	t.Parallel()
	apitest.EachWith(t, apitest.Options{Change: patient}, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		stream := changes(t, user)
		isReset(t, stream, "start", "0")
		hear := func(want ...string) []apitest.StreamEvent {
			t.Helper()
			events := next(t, stream, len(want))
			for i, event := range events {
				if event.Name != want[i] {
					t.Fatalf("event %d is %+v, want %s", i, event, want[i])
				}
			}
			return events
		}
		conversation := user.Conversation()
		path := "/api/v1/conversations/" + conversation.ID
		isNow := func(event apitest.StreamEvent) {
			t.Helper()
			got := apitest.Decode[map[string]any](user.Get(path))
			if !reflect.DeepEqual(event.Data["conversation"], any(got)) || event.Data["conversationId"] != conversation.ID {
				t.Errorf("the feed tells %v, want %v", event.Data, got)
			}
		}
		isNow(hear("conversation_created")[0])
		user.Do(http.MethodPatch, path, map[string]any{"title": "Bread", "isPinned": true}).Status(http.StatusOK)
		isNow(hear("conversation_updated")[0])

		release := make(chan struct{})
		s.Router.Script(llmtest.Wait(release), llmtest.Text("Secret text"), llmtest.Finish("stop"),
			llmtest.Usage(3, 5, 1, "0.000123"), llmtest.Done())
		answering := user.Send(t.Context(), conversation.ID, "Private question")
		begun := hear("message_created", "message_created", "generation_started", "conversation_updated")
		isNow(begun[3])
		close(release)
		complete := answering.Last()
		ended := hear("message_updated", "generation_finished", "conversation_updated")
		isNow(ended[2])
		question, answer := begun[0].Data["messageId"], begun[1].Data["messageId"]
		for _, check := range []struct {
			event apitest.StreamEvent
			want  map[string]any
		}{
			{begun[0], map[string]any{"seq": 1.0, "role": "user", "status": "complete", "questionId": nil}},
			{begun[1], map[string]any{"seq": 2.0, "role": "assistant", "status": "streaming", "questionId": question}},
			{begun[2], map[string]any{"messageId": answer, "userMessageId": question, "model": apitest.Model}},
			{ended[0], map[string]any{"messageId": answer, "seq": 2.0, "status": "complete", "supersededBy": nil}},
			{ended[1], map[string]any{
				"messageId": answer, "status": "complete", "finishReason": "stop", "tokensUsed": 8.0, "cost": "0.000123", "estimated": false,
			}},
		} {
			for member, want := range check.want {
				if got := check.event.Data[member]; got != want {
					t.Errorf("%s: %s is %v, want %v", check.event.Name, member, got, want)
				}
			}
		}
		if complete.Data["messageId"] != answer {
			t.Errorf("the answer is %v, the feed tells of %v", complete.Data["messageId"], answer)
		}

		again := "/api/v1/messages/" + answer.(string) + "/regenerate"
		user.Post(again, nil, "Accept: application/json").Status(http.StatusCreated)
		hear("message_created", "generation_started", "conversation_updated")
		better := hear("message_updated", "message_updated", "generation_finished", "conversation_updated")
		if better[1].Data["messageId"] != answer || better[1].Data["supersededBy"] != better[0].Data["messageId"] {
			t.Errorf("superseded: %+v", better[1])
		}
		isNow(better[3])
		user.Do(http.MethodDelete, path, nil).Status(http.StatusNoContent)
		hear("conversation_deleted")

		all := changes(t, user, "Last-Event-ID: 0")
		events := next(t, all, 17)
		sameChanges(t, events, numbered(t, s, user))
		for _, event := range events {
			if text := fmt.Sprint(event.Data); strings.Contains(text, "Secret") || strings.Contains(text, "Private") {
				t.Errorf("the feed tells what was written: %s", text)
			}
		}
	})
}

func TestFeedReachesEveryDevice(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user, other := s.User(), s.User()
		ticket := apitest.Decode[struct{ Ticket string }](
			user.Post("/api/v1/auth/stream-tickets", nil).Status(http.StatusCreated)).Ticket
		phone, laptop := s.Login(user), s.Nobody()
		devices := []*apitest.Stream{
			changes(t, user), changes(t, phone), laptop.Stream(t.Context(), http.MethodGet, feed+"?ticket="+ticket, nil),
		}
		for _, device := range devices {
			isReset(t, device, "start", "0")
		}
		stranger := changes(t, other)
		isReset(t, stranger, "start", "0")

		user.Ask(phone.Conversation().ID, "Hi")
		want := numbered(t, s, user)
		for _, device := range devices {
			sameChanges(t, next(t, device, 8), want)
		}
		// Nothing of all that comes before the stranger's own first change.
		own := other.Conversation()
		if event := next(t, stranger, 1)[0]; event.ID != "1" || event.Data["conversationId"] != own.ID {
			t.Errorf("somebody else is told %+v", event)
		}
		laptop.Get(feed).Problem(problem.Unauthenticated)
		laptop.Get(feed + "?ticket=" + user.Token).Problem(problem.TokenAudience)
	})
}

func TestFeedResumesWhereItWasLeft(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		stream := changes(t, user)
		isReset(t, stream, "start", "0")
		conversation := user.Conversation()
		next(t, stream, 1)
		_ = stream.Body.Close() // away, with the id 1

		for range 20 { // more than one read takes
			user.Ask(conversation.ID, "Hi")
		}
		user.Conversation()
		stored := numbered(t, s, user)
		for form, have := range []int{0, 1, 57, len(stored) - 1} {
			path, headers := cursors()[form](feed, strconv.Itoa(have))
			again := user.Stream(t.Context(), http.MethodGet, path, nil, headers...)
			sameChanges(t, next(t, again, len(stored)-have), stored[have:])
			_ = again.Body.Close()
		}
		// The header wins, and who has everything hears what comes.
		last := user.Stream(t.Context(), http.MethodGet, feed+"?after=3", nil, "Last-Event-ID: "+strconv.Itoa(len(stored)))
		user.Conversation()
		sameChanges(t, next(t, last, 1), numbered(t, s, user)[len(stored):])
	})
}

func TestFeedWithACursorThatIsNoGood(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		user.Conversation()
		user.Conversation()
		for _, cursor := range []string{"garbage", "1.1", "-1", "+1", "3", "9223372036854775808", "1 "} {
			path := feed + "?after=" + strings.NewReplacer("+", "%2B", " ", "%20").Replace(cursor)
			stream := user.Stream(t.Context(), http.MethodGet, path, nil)
			isReset(t, stream, "invalid_cursor", "2")
			_ = stream.Body.Close()
		}
		// From there it goes on like any other.
		stream := changes(t, user, "Last-Event-ID: x")
		isReset(t, stream, "invalid_cursor", "2")
		user.Conversation()
		sameChanges(t, next(t, stream, 1), numbered(t, s, user)[2:])
	})
}

func TestFeedForgetsWhatIsOld(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		user.Ask(user.Conversation().ID, "Hi")
		if pruned, err := s.Store.PruneChanges(t.Context(), time.Now().Add(time.Minute), 3); err != nil || pruned != 3 {
			t.Fatalf("%d are pruned, %v", pruned, err)
		}
		left := numbered(t, s, user)
		for _, kept := range []int{3, 7} {
			stream := changes(t, user, "Last-Event-ID: "+strconv.Itoa(kept))
			sameChanges(t, next(t, stream, 8-kept), left[kept-3:])
			_ = stream.Body.Close()
		}
		for _, forgotten := range []string{"0", "2"} {
			stream := changes(t, user, "Last-Event-ID: "+forgotten)
			isReset(t, stream, "too_old", "8")
			_ = stream.Body.Close()
		}
	})
}

// An instance prunes what is older than its retention, for all of them.
func TestOldChangesArePruned(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		user.Conversation()
		apitest.Start(t, apitest.Options{Store: s.Store, Change: func(server *api.Server) { server.Changes.Retention = 0 }})
		apitest.Eventually(t, "the changes are pruned", func() bool { return len(numbered(t, s, user)) == 0 })
		stream := changes(t, user, "Last-Event-ID: 0")
		isReset(t, stream, "too_old", "1")
		current := changes(t, user, "Last-Event-ID: 1")
		user.Conversation()
		for _, stream := range []*apitest.Stream{stream, current} {
			sameChanges(t, next(t, stream, 1), numbered(t, s, user))
		}
	})
}

// A reader that comes and goes as it likes, while others write as they like,
// has in the end what the table has: no hole, nothing twice.
func TestFeedUnderConcurrentWriters(t *testing.T) {
	t.Parallel()
	apitest.EachWith(t, apitest.Options{Limits: new(apitest.Limits)}, func(t *testing.T, s *apitest.Service) {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		random := rand.New(rand.NewPCG(seed, 0))
		user := s.User()
		const writers, sends = 8, 5
		const total = writers * (1 + 7*sends)
		var all sync.WaitGroup
		for range writers {
			all.Go(func() {
				conversation := user.Conversation()
				for range sends {
					user.Ask(conversation.ID, "Hi")
				}
			})
		}
		var got []apitest.StreamEvent
		for last := "0"; len(got) < total; {
			ctx, cancel := context.WithCancel(t.Context())
			stream := user.Stream(ctx, http.MethodGet, feed, nil, "Last-Event-ID: "+last)
			events := next(t, stream, min(1+random.IntN(20), total-len(got)))
			got, last = append(got, events...), stream.LastID
			cancel()
		}
		all.Wait()
		sameChanges(t, got, numbered(t, s, user))
	})
}

func TestFeedHasSoManyReadersAndNoMore(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user, other := s.User(), s.User()
	readers := make([]*apitest.Stream, 100)
	for i := range readers {
		readers[i] = changes(t, user)
	}
	user.Get(feed).Problem(problem.TooMany)
	isReset(t, changes(t, other), "start", "0")
	_ = readers[0].Body.Close()
	apitest.Eventually(t, "there is room again", func() bool {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		response := user.Open(ctx, http.MethodGet, feed, nil)
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
}

func TestLargestChangeIsSmall(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := s.User()
	title := strings.Repeat("\u0001", 200) // six bytes each in JSON
	user.Post("/api/v1/conversations", map[string]any{"title": title}).Status(http.StatusCreated)
	stored, err := s.Store.Changes(t.Context(), user.Session.User.ID, 0, 1)
	if err != nil || len(stored[0].Data) > 8<<10 {
		t.Errorf("%d bytes, %v", len(stored[0].Data), err)
	}
}
