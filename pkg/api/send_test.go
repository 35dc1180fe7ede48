package api_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"go.uber.org/goleak"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/problem"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSendStreamsAndStoresTheAnswer(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		s.Router.Script(llmtest.Reasoning("Hm. "), llmtest.Text("Hello", " wörld", " 😀"), llmtest.Finish("stop"), llmtest.Usage(3, 5, 1, "0.000123"), llmtest.Done())
		user := s.User()
		conversation := user.Conversation()

		stream := user.Send(t.Context(), conversation.ID, "Hi")
		events := stream.Rest()

		if got := apitest.Names(events); got != "message_ack stream_chunk stream_complete" {
			t.Fatalf("events: %s", got)
		}
		last := events[len(events)-1].Data
		if stream.Text != "Hello wörld 😀" || last["content"] != stream.Text || stream.Reasoning != "Hm. " {
			t.Errorf("text %q, reasoning %q, content %q", stream.Text, stream.Reasoning, last["content"])
		}
		message := stored(user, last["messageId"].(string))
		if message.Content != stream.Text || message.Status != chat.StatusComplete || message.Cost == nil || *message.Cost != "0.000123" || message.TokensUsed != 8 {
			t.Errorf("stored: %+v", message)
		}
	})
}

// The client gets headers and ack while the provider has not said a word.
func TestStreamBeginsBeforeTheFirstToken(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	release := make(chan struct{})
	s.Router.Script(llmtest.Wait(release), llmtest.Answer("At last."))
	user := s.User()
	stream := user.Send(t.Context(), user.Conversation().ID, "Hi")
	ack, ok := stream.Next()
	if !ok || ack.Name != "message_ack" || ack.ID != "1.1" {
		t.Fatalf("the first event is %+v", ack)
	}
	message := stored(user, ack.Data["messageId"].(string))
	if message.Status != chat.StatusStreaming || message.QuestionID != ack.Data["userMessageId"] {
		t.Errorf("while the provider is held, the answer is %+v", message)
	}
	close(release)
	if stream.Rest(); stream.Text != "At last." {
		t.Errorf("the text is %q", stream.Text)
	}
}

func TestAnswerOutlivesItsReader(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		release := make(chan struct{})
		s.Router.Script(llmtest.Text("First, "), llmtest.Wait(release), llmtest.Answer("then the rest."))
		user := s.User()
		ctx, leave := context.WithCancel(t.Context())
		stream := user.Send(ctx, user.Conversation().ID, "Hi")
		ack, _ := stream.Next()
		stream.Next()
		leave()
		apitest.Eventually(t, "the reader has gone", func() bool { return openStreams(s) == "0" })

		answerID := ack.Data["messageId"].(string)
		other := user.Follow(t.Context(), answerID)
		close(release)
		if other.Rest(); other.Text != "First, then the rest." {
			t.Errorf("another reader has %q", other.Text)
		}
		if message := stored(user, answerID); message.Status != chat.StatusComplete || message.Content != "First, then the rest." {
			t.Errorf("stored: %+v", message)
		}
	})
}

func TestFormsOfReply(t *testing.T) {
	s := apitest.Start(t, apitest.Options{})
	user := s.User()
	path := "/api/v1/conversations/" + user.Conversation().ID + "/messages"
	const (
		events = "text/event-stream"
		whole  = "application/json"
		none   = "application/problem+json"
	)
	tests := []struct {
		header, kind string
		status       int
	}{
		{"Accept: ", events, 200},
		{"Accept: */*", events, 200},
		{"Accept: text/*", events, 200},
		{"Accept: text/event-stream", events, 200},
		{"Accept: Text/Event-Stream; charset=utf-8", events, 200},
		{"Accept: application/json, text/event-stream", events, 200},
		{"Accept: text/html, */*;q=0.8", events, 200},
		{"Accept: application/json", whole, 201},
		{"Accept: application/*", whole, 201},
		{"Accept: application/json, text/plain, */*", whole, 201},
		{"Accept: text/event-stream;q=0.5, application/json", whole, 201},
		{"Accept: text/event-stream;q=0, */*", whole, 201},
		{"Prefer: respond-async", whole, 202},
		{"Prefer: wait=5, Respond-Async", whole, 202},
		{"Accept: text/html", none, 406},
		{"Accept: application/xml;q=0.9, image/*", none, 406},
		{"Accept: */*;q=0", none, 406},
	}
	for _, test := range tests {
		t.Run(test.header, func(t *testing.T) {
			reply := user.Post(path, map[string]string{"content": "Hi"}, test.header)
			if reply.StatusCode != test.status || reply.Header.Get("Content-Type") != test.kind {
				t.Fatalf("%d %s, want %d %s", reply.StatusCode, reply.Header.Get("Content-Type"), test.status, test.kind)
			}
			switch test.status {
			case http.StatusCreated:
				got := apitest.Decode[apitest.Exchange](reply)
				if got.Message.Status != chat.StatusComplete || got.Message.QuestionID != got.UserMessage.ID || got.Message.Content == "" {
					t.Errorf("answered with %+v", got)
				}
			case http.StatusAccepted:
				got := apitest.Decode[apitest.Exchange](reply)
				want := "/api/v1/messages/" + got.Message.ID + "/events"
				if reply.Header.Get("Location") != want || reply.Header.Get("Preference-Applied") != "respond-async" {
					t.Errorf("headers: %v", reply.Header)
				}
				if last := user.Stream(t.Context(), "GET", want, nil).Last(); last.Name != "stream_complete" {
					t.Errorf("the stream ends with %s", last.Name)
				}
			case http.StatusNotAcceptable:
				reply.Problem(problem.NotAcceptable)
			}
		})
	}
}

// A cursor of an earlier answer that a client sends along must not swallow the
// beginning of a new one.
func TestNewAnswerIgnoresTheLastEventID(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := s.User()
	conversation := user.Conversation()
	for _, cursor := range []string{"1.1", "1.2", "1.99", "2.1"} {
		events := user.Send(t.Context(), conversation.ID, "Hi", "Last-Event-ID: "+cursor).Rest()
		if got := apitest.Names(events); got != "message_ack stream_chunk stream_complete" {
			t.Errorf("after %s: %s", cursor, got)
		}
	}
}

func TestSendIntoARunningConversation(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		release := make(chan struct{})
		s.Router.Script(llmtest.Wait(release), llmtest.Answer("First."))
		user := s.User()
		conversation := user.Conversation()
		first := user.Send(t.Context(), conversation.ID, "One")
		ack, _ := first.Next()

		path := "/api/v1/conversations/" + conversation.ID + "/messages"
		for range 2 {
			refused := user.Post(path, map[string]string{"content": "Two"}).Problem(problem.GenerationRunning)
			if refused.Details["messageId"] != ack.Data["messageId"] {
				t.Errorf("details: %v, want the id %v", refused.Details, ack.Data["messageId"])
			}
		}
		close(release)
		first.Rest()
		if second := user.Ask(conversation.ID, "Two"); second.UserMessage.Seq != 3 || second.Message.Seq != 4 {
			t.Errorf("the refused sends have left something: %+v", second)
		}
		if n := len(s.Router.Exchanges()); n != 2 {
			t.Errorf("the provider was asked %d times, want 2", n)
		}
	})
}

func TestSendThatHasMissedMessages(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		conversation := user.Conversation()
		path := "/api/v1/conversations/" + conversation.ID + "/messages"
		send := func(lastSeq int) *apitest.Reply {
			return user.Post(path, map[string]any{"content": "Hi", "lastSeq": lastSeq}, "Accept: application/json")
		}
		first := apitest.Decode[apitest.Exchange](send(0).Status(http.StatusCreated))
		second := apitest.Decode[apitest.Exchange](send(2).Status(http.StatusCreated))

		stale := send(1).Problem(problem.StaleConversation)
		missed, err := json.Marshal(stale.Details["missed"])
		if err != nil {
			t.Fatal(err)
		}
		var messages []chat.Message
		if err := json.Unmarshal(missed, &messages); err != nil {
			t.Fatal(err)
		}
		want := []string{first.Message.ID, second.UserMessage.ID, second.Message.ID}
		got := make([]string, len(messages))
		for i := range messages {
			got[i] = messages[i].ID
		}
		if stale.Details["lastSeq"] != 4.0 || !slices.Equal(got, want) {
			t.Errorf("lastSeq %v, missed %v, want 4 and %v", stale.Details["lastSeq"], got, want)
		}
		send(4).Status(http.StatusCreated)
		send(99).Status(http.StatusCreated) // more than there is misses nothing
	})
}

func TestProviderGetsTheHistory(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	s.Router.Script(llmtest.Answer("Old answer."))
	s.Router.Script(llmtest.Answer("New answer."))
	s.Router.Script(llmtest.ErrorStatus(http.StatusInternalServerError, "down", "")) // an answer without a text
	s.Router.Script(llmtest.Text("Half an "), llmtest.Cut())
	user := s.User()
	conversation := user.Conversation()
	first := user.Ask(conversation.ID, "First question")
	user.Post("/api/v1/messages/"+first.Message.ID+"/regenerate", nil, "Accept: application/json").Status(http.StatusCreated)
	user.Send(t.Context(), conversation.ID, "Second question").Rest()
	user.Send(t.Context(), conversation.ID, "Third question").Rest()
	user.Post("/api/v1/conversations/"+conversation.ID+"/messages",
		map[string]any{"content": "Fourth question", "temperature": 0, "maxTokens": 77}, "Accept: application/json").Status(http.StatusCreated)

	bodies := make([]upstream, len(s.Router.Exchanges()))
	for i, exchange := range s.Router.Exchanges() {
		if err := json.Unmarshal(exchange.Body, &bodies[i]); err != nil {
			t.Fatal(err)
		}
	}
	if got := bodies[1].turns(); got != "user: First question" {
		t.Errorf("the regeneration was asked %q", got)
	}
	want := "user: First question | assistant: New answer. | user: Second question | " +
		"user: Third question | assistant: Half an  | user: Fourth question"
	last := bodies[4]
	if got := last.turns(); got != want {
		t.Errorf("the provider was asked\n%s\nwant\n%s", got, want)
	}
	if last.Model != apitest.Model || !last.Stream || last.Temperature != 0 || last.MaxTokens != 77 || last.SessionID != conversation.ID {
		t.Errorf("the provider was asked %+v", last)
	}
	if bodies[0].Temperature != chat.DefaultTemperature || bodies[0].MaxTokens != chat.DefaultMaxTokens {
		t.Errorf("without settings the provider was asked %+v", bodies[0])
	}
}

// upstream is what the provider is asked.
type upstream struct {
	Model       string
	Stream      bool
	Temperature float64
	MaxTokens   int    `json:"max_tokens"`
	SessionID   string `json:"session_id"`
	Messages    []struct{ Role, Content string }
}

func (u upstream) turns() string {
	turns := make([]string, len(u.Messages))
	for i, turn := range u.Messages {
		turns[i] = turn.Role + ": " + turn.Content
	}
	return strings.Join(turns, " | ")
}

// stored is a message as its owner reads it.
func stored(user *apitest.User, id string) chat.Message {
	return apitest.Decode[chat.Message](user.Get("/api/v1/messages/" + id).Status(http.StatusOK))
}

// prove fails the test unless a terminal event proves this text.
func prove(t *testing.T, last apitest.StreamEvent, text string) {
	t.Helper()
	sum := sha256.Sum256([]byte(text))
	if last.Data["sha256"] != hex.EncodeToString(sum[:]) {
		t.Errorf("%s has the hash of another text than %.100q", last.Name, text)
	}
	if units := len(utf16.Encode([]rune(text))); last.Data["length"] != float64(units) {
		t.Errorf("%s tells the length %v, want %d", last.Name, last.Data["length"], units)
	}
}

// openStreams is the number of streams that the server has open, by its own
// metrics.
func openStreams(s *apitest.Service) string {
	for line := range strings.Lines(string(s.Nobody().Get("/metrics").Bytes)) {
		if value, found := strings.CutPrefix(line, "dreamchat_streams_open "); found {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// within fails the test if something takes too long.
func within(t *testing.T, limit time.Duration, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(limit):
		t.Errorf("not within %v: %s", limit, what)
	}
}
