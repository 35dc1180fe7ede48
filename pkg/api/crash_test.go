package api_test

import (
	"net/http"
	"testing"
	"time"

	"dreamchat/pkg/api"
	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/servertest"
	"dreamchat/pkg/store/storetest"
)

// The text of a running answer is in the database within a second or two, and a
// server that starts under the name of one that was killed closes the answer
// with it. The first one here was not killed but sleeps: it finds out.
func TestRestartClosesWhatWasLeft(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		s.Router.Script(llmtest.Text("Half ", "😀"), llmtest.Hang())
		user := s.User()
		stream := user.Send(t.Context(), user.Conversation().ID, "Hi")
		ack, _ := stream.Next()
		for stream.Text != "Half 😀" {
			stream.Next()
		}
		begun := time.Now()
		answerID := ack.Data["messageId"].(string)
		apitest.Eventually(t, "what there is of the answer is saved", func() bool {
			return stored(user, answerID).Content == "Half 😀"
		})
		if took := time.Since(begun); took > 3*time.Second {
			t.Errorf("a second of text was saved after %v", took)
		}
		upstream, err := s.Router.Await(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}

		next := apitest.Start(t, apitest.Options{Store: s.Store})
		same := next.Login(user)
		var answer chat.Message
		apitest.Eventually(t, "the answer is closed", func() bool {
			answer = stored(same, answerID)
			return answer.Status != chat.StatusStreaming
		})
		if answer.Status != chat.StatusInterrupted || answer.Content != "Half 😀" || answer.Attempt != 2 {
			t.Errorf("the answer is closed as %+v", answer)
		}
		later := same.Follow(t.Context(), answerID, "Last-Event-ID: "+stream.LastID)
		events := later.Rest()
		if got := apitest.Names(events); got != "stream_reset message_ack stream_chunk stream_error" || events[0].Data["reason"] != chat.ResetAttempt {
			t.Errorf("after the restart: %v", events)
		}
		last := events[len(events)-1]
		if events[1].ID != "2.1" || last.ID != "2.4" || later.Text != "Half 😀" || last.Data["code"] != problem.Interrupted.Code() {
			t.Errorf("after the restart: %v", events)
		}
		prove(t, last, "Half 😀")
		same.Get("/api/v1/messages/"+answerID+"/events", "Last-Event-ID: 2.4").Status(http.StatusNoContent)

		within(t, 5*time.Second, "the one that was slow lets go", upstream.Done)
		if last := stream.Last(); last.Name != "stream_reconnect" || last.Data["reason"] != "moved" {
			t.Errorf("the reader of the one that was slow is told %+v", last)
		}
		if got := stored(same, answerID); got.UpdatedAt != answer.UpdatedAt {
			t.Errorf("the one that was slow has written %+v", got)
		}
		if got := same.Ask(answer.ConversationID, "Again").Message.Status; got != chat.StatusComplete {
			t.Errorf("the next answer is %s", got)
		}
	})
}

// Two servers that share nothing but the database.
func TestAnswerOfAnotherServerIsFollowedAndStopped(t *testing.T) {
	t.Parallel()
	owned := func(owner string) func(*api.Server) {
		return func(server *api.Server) { server.Generations.Owner = owner }
	}
	db := storetest.Postgres(t)
	gone := apitest.Start(t, apitest.Options{Store: db, Change: owned("second")})
	running := apitest.Start(t, apitest.Options{Store: db, Change: owned("first")})
	release := make(chan struct{})
	gone.Router.Script(llmtest.Hang())
	running.Router.Script(llmtest.Text("Mine. "), llmtest.Wait(release), llmtest.Text("Still."), llmtest.Hang())
	orphan := gone.User()
	left, _ := orphan.Send(t.Context(), orphan.Conversation().ID, "Hi").Next()
	user := running.User()
	stream := user.Send(t.Context(), user.Conversation().ID, "Hi")
	ack, _ := stream.Next()
	answerID := ack.Data["messageId"].(string)

	second := apitest.Start(t, apitest.Options{Store: db, Change: owned("second")})
	apitest.Eventually(t, "the second server has swept", func() bool {
		return stored(orphan, left.Data["messageId"].(string)).Status == chat.StatusInterrupted
	})
	same := second.Login(user)
	if got := stored(same, answerID); got.Status != chat.StatusStreaming || got.Attempt != 1 {
		t.Errorf("the second server has touched the answer of the first: %+v", got)
	}
	elsewhere := same.Follow(t.Context(), answerID)
	close(release)
	for elsewhere.Text != "Mine. Still." {
		if _, more := elsewhere.Next(); !more {
			t.Fatalf("at the second server the stream ends after %q", elsewhere.Text)
		}
	}
	same.Post("/api/v1/messages/"+answerID+"/stop", nil).Status(http.StatusAccepted)
	for _, reader := range []*apitest.Stream{stream, elsewhere} {
		if last := reader.Last(); last.Data["finishReason"] != "stopped" || reader.Text != "Mine. Still." {
			t.Errorf("the stream ends with %+v after %q", last, reader.Text)
		}
	}
}

// The database is away when the answer ends: it is saved as soon as it is back,
// and no reader sees the end before.
func TestFinishedAnswerOutlivesAnOutage(t *testing.T) {
	t.Parallel()
	postgres := servertest.StartPostgres(t)
	db := storetest.Open(t, postgres.URL)
	if _, err := db.MigrateUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := apitest.Start(t, apitest.Options{Store: db})
	release := make(chan struct{})
	s.Router.Script(llmtest.Answer("Long ago."))
	s.Router.Script(llmtest.Text("Half, "), llmtest.Wait(release), llmtest.Text("then whole."), llmtest.Finish("stop"), llmtest.Done())
	user := s.User()
	conversation := user.Conversation()
	old := user.Ask(conversation.ID, "Hi").Message
	stream := user.Send(t.Context(), conversation.ID, "Hi")
	ack, _ := stream.Next()
	stream.Next()
	answer := "/api/v1/messages/" + ack.Data["messageId"].(string)
	upstream, err := s.Router.Await(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}

	postgres.Stop()
	close(release)
	stream.Next()
	<-upstream.Done
	user.Get(answer).Problem(problem.Unavailable)
	user.Get("/readyz").Status(http.StatusServiceUnavailable)
	user.Post("/api/v1/conversations/"+conversation.ID+"/messages", map[string]string{"content": "Hi"}).Problem(problem.Unavailable)
	if last := user.Follow(t.Context(), old.ID).Last(); last.Name != "stream_reconnect" || last.Data["reason"] != "unavailable" {
		t.Errorf("while the database is away a reader is told %+v", last)
	}
	ended := make(chan apitest.StreamEvent, 1)
	go func() { ended <- stream.Last() }()
	select {
	case last := <-ended:
		t.Fatalf("the end is told before it is saved: %+v", last)
	case <-time.After(500 * time.Millisecond):
	}

	postgres.Start()
	last := <-ended
	if last.Name != "stream_complete" || stream.Text != "Half, then whole." {
		t.Errorf("the stream ends with %+v", last)
	}
	prove(t, last, "Half, then whole.")
	if got := apitest.Decode[chat.Message](user.Get(answer).Status(http.StatusOK)); got.Status != chat.StatusComplete || got.Content != stream.Text {
		t.Errorf("stored: %+v", got)
	}
	if got := user.Ask(conversation.ID, "Again").Message.Status; got != chat.StatusComplete {
		t.Errorf("the next answer is %s", got)
	}
}
