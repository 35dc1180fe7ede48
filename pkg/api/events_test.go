package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/id"
	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/problem"
)

// Text that is easily cut in the wrong place: emoji, a combining mark in a
// chunk of its own, and a rune of which each half comes in a chunk of its own.
const wholeText = "Hi 😀e\u0301漢字, \"quoted\"\n\tand \u2028 <done> 🦜!"

func trickyAnswer() []llmtest.Step {
	return []llmtest.Step{
		llmtest.SplitBytes(7),
		llmtest.Reasoning("Thinking ", "🤔", " hard"),
		llmtest.Text("Hi ", "😀", "e", "\u0301", "漢字", ", \"quoted\"\n\tand "),
		llmtest.Reasoning("… again"),
		llmtest.Text("\u2028 <done> "),
		llmtest.Chunk(`{"choices":[{"index":0,"delta":{"content":"\ud83e"}}]}`),
		llmtest.Chunk(`{"choices":[{"index":0,"delta":{"content":"\udd9c!"}}]}`),
	}
}

// cursors are the ways to tell where a reader goes on.
func cursors() []func(path, id string) (string, []string) {
	return []func(path, id string) (string, []string){
		func(path, id string) (string, []string) { return path, []string{"Last-Event-ID: " + id} },
		func(path, id string) (string, []string) { return path + "?after=" + id, nil },
		func(path, id string) (string, []string) { return path + "?lastEventId=" + id, nil },
		func(path, id string) (string, []string) { return path + "?last_event_id=" + id, nil },
	}
}

// state is what a client holds that has read so many events.
func state(events []apitest.StreamEvent) (text, reasoning string) {
	for _, event := range events {
		chunk, _ := event.Data["chunk"].(string)
		if event.Data["kind"] == "reasoning" {
			reasoning += chunk
		} else {
			text += chunk
		}
	}
	return text, reasoning
}

// resume goes on after the events that a reader has.
func resume(t *testing.T, user *apitest.User, answerID string, have []apitest.StreamEvent, form int) *apitest.Stream {
	t.Helper()
	path, headers := cursors()[form]("/api/v1/messages/"+answerID+"/events", fmt.Sprintf("1.%d", len(have)))
	stream := user.Stream(t.Context(), http.MethodGet, path, nil, headers...)
	stream.Text, stream.Reasoning = state(have)
	return stream
}

// checkResumed reads to the end, and compares with the stream that was not
// interrupted.
func checkResumed(t *testing.T, stream *apitest.Stream, all []apitest.StreamEvent) {
	t.Helper()
	text, reasoning := state(all)
	events := stream.Rest()
	for _, event := range events {
		if event.ID == "" {
			t.Errorf("a good cursor is answered with %s", event.Name)
		}
	}
	last, want := events[len(events)-1], all[len(all)-1]
	if last.ID != want.ID || fmt.Sprint(last) != fmt.Sprint(want) {
		t.Errorf("the stream ends with\n%v\nwant\n%v", last, want)
	}
	if stream.Text != text || stream.Reasoning != reasoning {
		t.Errorf("resumed, the text is %q and the reasoning %q", stream.Text, stream.Reasoning)
	}
	prove(t, last, text)
}

func TestResumeFromEveryEvent(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		begin, end := make(chan struct{}), make(chan struct{})
		script := append([]llmtest.Step{llmtest.Wait(begin)}, trickyAnswer()...)
		s.Router.Script(append(script, llmtest.Wait(end), llmtest.Finish("stop"), llmtest.Usage(3, 5, 1, "0.00012300"), llmtest.Done())...)
		user := s.User()
		stream := user.Send(t.Context(), user.Conversation().ID, "Hi")
		ack, _ := stream.Next()
		close(begin) // from now on every chunk has a frame of its own
		all := []apitest.StreamEvent{ack}
		for stream.Text != wholeText {
			event, ok := stream.Next()
			if !ok {
				t.Fatalf("the stream ends with the text %q", stream.Text)
			}
			all = append(all, event)
		}
		answerID := ack.Data["messageId"].(string)

		var live []*apitest.Stream
		for have := 1; have <= len(all); have++ {
			live = append(live, resume(t, user, answerID, all[:have], have%len(cursors())))
		}
		close(end)
		all = append(all, stream.Last())
		if len(all) < 13 || all[len(all)-1].Name != "stream_complete" {
			t.Fatalf("the whole stream is %v", all)
		}
		for _, reader := range live {
			checkResumed(t, reader, all)
		}
		for have := range len(all) {
			for form := range cursors() {
				checkResumed(t, resume(t, user, answerID, all[:have], form), all)
			}
		}
		for form := range cursors() {
			path, headers := cursors()[form]("/api/v1/messages/"+answerID+"/events", all[len(all)-1].ID)
			if got := user.Get(path, headers...).Status(http.StatusNoContent); len(got.Bytes) > 0 {
				t.Errorf("204 with the body %q", got.Bytes)
			}
		}
	})
}

func TestReplayIsMerged(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	s.Router.Script(append(trickyAnswer(), llmtest.Finish("stop"), llmtest.Done())...)
	user := s.User()
	answer := user.Ask(user.Conversation().ID, "Hi").Message
	stream := user.Follow(t.Context(), answer.ID)
	events := stream.Rest()
	// Reasoning, text, reasoning, text, between ack and end.
	if len(events) != 6 || stream.Text != wholeText || stream.LastID != fmt.Sprintf("1.%d", answer.LastEventSeq) {
		t.Errorf("%d events of a stream of %d: %v", len(events), answer.LastEventSeq, events)
	}
}

func TestUnusableCursorBeginsAgain(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Silence: time.Minute})
	end := make(chan struct{})
	s.Router.Script(llmtest.Answer("Whole text."))
	s.Router.Script(llmtest.Text("Whole text."), llmtest.Wait(end), llmtest.Finish("stop"))
	user := s.User()
	conversation := user.Conversation()
	finished := user.Ask(conversation.ID, "Hi").Message.ID
	live := user.Send(t.Context(), conversation.ID, "Hi")
	ack, _ := live.Next()
	live.Next()
	running := ack.Data["messageId"].(string)

	tests := []struct{ cursor, reason string }{
		{"garbage", chat.ResetInvalid},
		{"1", chat.ResetInvalid},
		{"1.", chat.ResetInvalid},
		{".2", chat.ResetInvalid},
		{"1.2.3", chat.ResetInvalid},
		{"1.-2", chat.ResetInvalid},
		{"1.+2", chat.ResetInvalid},
		{"1.99999999999999999999", chat.ResetInvalid},
		{strings.Repeat("1", 5000), chat.ResetInvalid},
		{"2.1", chat.ResetAttempt},
		{"0.2", chat.ResetAttempt},
		{"1.999", chat.ResetAhead},
	}
	var readers []*apitest.Stream
	for _, test := range tests {
		for _, answerID := range []string{finished, running} {
			stream := user.Follow(t.Context(), answerID, "Last-Event-ID: "+test.cursor)
			reset, _ := stream.Next()
			if reset.Name != "stream_reset" || reset.ID != "" || reset.Data["reason"] != test.reason {
				t.Errorf("after %.20s: %+v, want the reason %s", test.cursor, reset, test.reason)
			}
			readers = append(readers, stream)
		}
	}
	close(end)
	for _, stream := range readers {
		events := stream.Rest()
		if got := apitest.Names(events); got != "message_ack stream_chunk stream_complete" || stream.Text != "Whole text." {
			t.Errorf("after the reset: %s, text %q", got, stream.Text)
		}
	}
}

func TestHeaderWinsOverQuery(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := s.User()
	answer := user.Ask(user.Conversation().ID, "Hi").Message
	path := "/api/v1/messages/" + answer.ID + "/events"
	end := fmt.Sprintf("1.%d", answer.LastEventSeq)

	user.Get(path+"?after=garbage&lastEventId=1.1", "Last-Event-ID: "+end).Status(http.StatusNoContent)
	user.Get(path + "?last_event_id=1.1&lastEventId=1.1&after=" + end).Status(http.StatusNoContent)
	user.Get(path + "?after=&lastEventId=" + end).Status(http.StatusNoContent)
	first, _ := user.Stream(t.Context(), http.MethodGet, path+"?after="+end, nil, "Last-Event-ID: garbage").Next()
	if first.Name != "stream_reset" {
		t.Errorf("the query has won over the header: %+v", first)
	}
}

func TestTicketOpensAStream(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := s.User()
	answer := user.Ask(user.Conversation().ID, "Hi").Message
	path := "/api/v1/messages/" + answer.ID + "/events?ticket="
	ticket := func(u *apitest.User) string {
		return apitest.Decode[struct{ Ticket string }](u.Post("/api/v1/auth/stream-tickets", nil).Status(http.StatusCreated)).Ticket
	}
	nobody := s.Nobody()
	if last := nobody.Stream(t.Context(), http.MethodGet, path+ticket(user), nil).Last(); last.Name != "stream_complete" {
		t.Errorf("with a ticket the stream ends with %s", last.Name)
	}
	nobody.Get(path + ticket(s.User())).Problem(problem.NotFound)
	nobody.Get(path + user.Token).Problem(problem.TokenAudience)
	nobody.Get(strings.TrimSuffix(path, "?ticket=")).Problem(problem.Unauthenticated)
	nobody.Get("/api/v1/messages/" + answer.ID + "?ticket=" + ticket(user)).Problem(problem.Unauthenticated)
}

func TestStreamsThatAreNotThere(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	release := make(chan struct{})
	s.Router.Script(llmtest.Answer("Done."))
	s.Router.Script(llmtest.Wait(release))
	user, other := s.User(), s.User()
	conversation := user.Conversation()
	finished := user.Ask(conversation.ID, "Hi")
	stream := user.Send(t.Context(), conversation.ID, "Hi")
	running, _ := stream.Next()

	events := func(id string) string { return "/api/v1/messages/" + id + "/events" }
	user.Get(events(finished.UserMessage.ID)).Problem(problem.NotFound)
	user.Get(events(running.Data["userMessageId"].(string))).Problem(problem.NotFound)
	other.Get(events(finished.Message.ID)).Problem(problem.NotFound)
	other.Get(events(running.Data["messageId"].(string))).Problem(problem.NotFound)
	user.Get(events(id.New())).Problem(problem.NotFound)
	user.Get(events("no-uuid")).Problem(problem.NotFound)
	close(release)
	stream.Rest()
}

// A long answer keeps to small frames, live and replayed; the terminal event
// leaves its text out and proves it all the same.
func TestLongAnswerKeepsToSmallFrames(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	text := strings.Repeat("0123456789 \"quoted\" 😀\n\u0001", 7000)
	s.Router.Script(llmtest.Text(text[:60_000], text[60_000:]), llmtest.Finish("length"), llmtest.Done())
	user := s.User()
	live := user.Send(t.Context(), user.Conversation().ID, "Hi")
	last := live.Last() // the contract holds each frame to 16 KiB
	again := user.Follow(t.Context(), last.Data["messageId"].(string))
	for name, stream := range map[string]*apitest.Stream{"live": live, "replayed": again} {
		if name == "replayed" {
			last = stream.Last()
		}
		if stream.Text != text {
			t.Errorf("%s: %d bytes of %d", name, len(stream.Text), len(text))
		}
		if _, told := last.Data["content"]; told || last.Data["finishReason"] != "length" {
			t.Errorf("%s: the stream ends with %d members, finish reason %v", name, len(last.Data), last.Data["finishReason"])
		}
		prove(t, last, text)
	}
}
