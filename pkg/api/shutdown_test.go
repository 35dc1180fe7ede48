package api_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"dreamchat/pkg/api"
	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/store/storetest"
)

func TestShutdownLetsAnAnswerFinish(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		s.Server.Generations.Grace = 20 * time.Second // not what ends the wait
		release := make(chan struct{})
		s.Router.Script(llmtest.Text("Half, "), llmtest.Wait(release), llmtest.Text("then whole."), llmtest.Finish("stop"))
		user := s.User()
		stream := user.Send(t.Context(), user.Conversation().ID, "Hi")
		ack, _ := stream.Next()
		stream.Next()
		s.Shutdown()
		last := stream.Last()
		wait, _ := last.Data["retryMs"].(float64)
		if last.Name != "stream_reconnect" || last.Data["reason"] != "draining" || wait < 1000 || wait > 3000 {
			t.Errorf("the reader is told %+v", last)
		}
		close(release)
		s.Stop()
		answer := inSQL(t, s, user, ack)
		if answer.Status != chat.StatusComplete || answer.Content != "Half, then whole." {
			t.Errorf("stored: %+v", answer)
		}
		nothingStreams(t, s)
	})
}

func TestShutdownInterruptsWhatTakesTooLong(t *testing.T) {
	t.Parallel()
	db := storetest.Postgres(t)
	s := apitest.Start(t, apitest.Options{Store: db, Change: func(server *api.Server) {
		server.Generations.Grace = 300 * time.Millisecond
	}})
	s.Router.Script(llmtest.Text("Half 😀"), llmtest.Hang())
	s.Router.Script(llmtest.Silence())
	s.Router.Script(llmtest.Hang())
	user := s.User()
	stream := user.Send(t.Context(), user.Conversation().ID, "Hi")
	ack, _ := stream.Next()
	stream.Next()
	wordless, _ := user.Send(t.Context(), user.Conversation().ID, "Hi").Next()
	whole := make(chan *apitest.Reply, 1)
	waiting := user.Conversation()
	go func() {
		whole <- user.Post("/api/v1/conversations/"+waiting.ID+"/messages", map[string]string{"content": "Hi"}, "Accept: application/json")
	}()
	if _, err := s.Router.Await(t.Context(), 3); err != nil {
		t.Fatal(err)
	}
	s.Stop()
	(<-whole).Problem(problem.Interrupted)
	if answer := inSQL(t, s, user, ack); answer.Status != chat.StatusInterrupted || answer.Content != "Half 😀" || !answer.Error.Retryable {
		t.Errorf("stored: %+v", answer)
	}
	if answer := inSQL(t, s, user, wordless); answer.Status != chat.StatusInterrupted || answer.Content != "" {
		t.Errorf("stored: %+v", answer)
	}
	nothingStreams(t, s)

	next := apitest.Start(t, apitest.Options{Store: db})
	user = next.Login(user)
	later := user.Follow(t.Context(), ack.Data["messageId"].(string), "Last-Event-ID: "+stream.LastID)
	later.Text = "Half 😀"
	events := later.Rest()
	if last := events[len(events)-1]; len(events) != 1 || last.Name != "stream_error" || last.ID != "1.3" ||
		last.Data["code"] != problem.Interrupted.Code() || last.Data["retryable"] != true {
		t.Errorf("after the restart the reader gets %v", events)
	}
	prove(t, events[len(events)-1], "Half 😀")
}

// What nobody keeps is ended once the grace is over, and charged before the server
// has ended.
func TestShutdownChargesWhatNobodyKeeps(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Change: func(server *api.Server) { server.Grace = 100 * time.Millisecond }})
	s.Router.Script(llmtest.Text("Hello"), llmtest.Hang())
	user := s.User()
	response := user.Open(t.Context(), http.MethodPost, completions, streamed(true))
	defer response.Body.Close()
	s.Stop()
	report, err := s.Store.Usage(t.Context(), user.Session.User.ID, chat.UsageQuery{
		From: time.Now().Add(-time.Hour), To: time.Now().Add(time.Hour), GroupBy: chat.UsageByDay,
	})
	if err != nil || report.Total.Messages != 1 || report.Total.CompletionTokens != 2 {
		t.Errorf("charged is %+v, %v", report.Total, err)
	}
	chunks := data(t, reading(t, response.Body))
	if last := chunks[len(chunks)-1]; len(chunks) != 2 || !strings.Contains(last, problem.Unavailable.Code()) {
		t.Errorf("the caller is told %q", chunks)
	}
}

func reading(t *testing.T, body io.Reader) []byte {
	t.Helper()
	text, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// inSQL is the answer as it is stored once the service has ended.
func inSQL(t *testing.T, s *apitest.Service, user *apitest.User, ack apitest.StreamEvent) chat.Message {
	t.Helper()
	answer, err := s.Store.Message(t.Context(), user.Session.User.ID, ack.Data["messageId"].(string))
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func nothingStreams(t *testing.T, s *apitest.Service) {
	t.Helper()
	streaming, err := s.Store.RunningAnswers(t.Context(), "", 10)
	if err != nil || len(streaming) > 0 {
		t.Errorf("still streaming: %v, %v", streaming, err)
	}
}
