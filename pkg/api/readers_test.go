package api_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dreamchat/pkg/api"
	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/problem"
)

func TestEveryReaderGetsEveryCharacter(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	begin := make(chan struct{})
	words := strings.SplitAfter(strings.Repeat("Wörter 😀 ", 100), " ")
	s.Router.Script(llmtest.Wait(begin), llmtest.Text(words...), llmtest.Finish("stop"))
	user := s.User()
	first := user.Send(t.Context(), user.Conversation().ID, "Hi")
	ack, _ := first.Next()
	const readers = 200
	var attached, done sync.WaitGroup
	attached.Add(readers)
	bodies := make([]string, readers)
	for i := range readers {
		done.Go(func() { bodies[i] = read(t, s, user, ack.Data["messageId"].(string), attached.Done) })
	}
	attached.Wait()
	close(begin)
	done.Wait()
	first.Rest()
	if want := strings.Join(words, ""); first.Text != want {
		t.Errorf("the first reader has %d bytes of %d", len(first.Text), len(want))
	}
	for i, body := range bodies {
		if got := chunks(body); got != first.Text {
			t.Fatalf("reader %d has %q", i, got)
		}
	}
}

// read reads a whole stream as fast as it comes, without a look at it.
func read(t *testing.T, s *apitest.Service, user *apitest.User, answerID string, attached func()) string {
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/api/v1/messages/"+answerID+"/events", nil)
	if err != nil {
		t.Error(err)
	}
	request.Header.Set("Authorization", "Bearer "+user.Token)
	response, err := client.Do(request)
	attached()
	if err != nil {
		t.Error(err)
		return ""
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Error(err)
	}
	return string(body)
}

// chunks joins the text of a stream without another client library: each chunk
// stands in one line.
func chunks(body string) string {
	var text strings.Builder
	for line := range strings.Lines(body) {
		if _, after, found := strings.Cut(line, `"kind":"text","chunk":"`); found {
			chunk, _, _ := strings.Cut(after, `","isComplete"`)
			text.WriteString(chunk)
		}
	}
	return text.String()
}

// A client that stops reading is cut off after the write timeout, and nobody
// waits for it.
func TestSlowReaderIsCutOff(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Change: func(server *api.Server) { server.WriteTimeout = 500 * time.Millisecond }})
	begin := make(chan struct{})
	// In JSON each of these takes six bytes: more than sockets hold.
	const pieces, size = 30, 100_000
	text := strings.Repeat("\x01", size)
	s.Router.Script(llmtest.Wait(begin), llmtest.Text(slices.Repeat([]string{text}, pieces)...), llmtest.Finish("stop"))
	user := s.User()
	conversation := user.Conversation()
	conn := dial(t, s)
	if err := conn.(*net.TCPConn).SetReadBuffer(4 << 10); err != nil {
		t.Fatal(err)
	}
	ask(conn, s, user, conversation.ID, "Hi") // and read nothing of the answer
	if _, err := s.Router.Await(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	running := user.Post("/api/v1/conversations/"+conversation.ID+"/messages", map[string]string{"content": "Hi"}).
		Problem(problem.GenerationRunning)
	quick := make(chan string, 1)
	go func() {
		quick <- read(t, s, user, running.Details["messageId"].(string), func() { close(begin) })
	}()
	if got := <-quick; len(chunks(got)) != len(`\u0001`)*pieces*size || !strings.Contains(got, "event: stream_complete") {
		t.Errorf("the quick reader has %d bytes", len(got))
	}
	apitest.Eventually(t, "the slow reader is cut off", func() bool { return openStreams(s) == "0" })
}

func TestReadersThatLeaveHoldNothing(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	s.Router.Script(llmtest.Text("Hello"), llmtest.Hang())
	user := s.User()
	stream := user.Send(t.Context(), user.Conversation().ID, "Hi")
	ack, _ := stream.Next()
	answerID := ack.Data["messageId"].(string)
	for range 20 {
		reader := user.Follow(t.Context(), answerID)
		reader.Next()
		_ = reader.Body.Close()
	}
	apitest.Eventually(t, "only the first reader is left", func() bool { return openStreams(s) == "1" })
	user.Post("/api/v1/messages/"+answerID+"/stop", nil).Status(http.StatusAccepted)
	stream.Rest()
	apitest.Eventually(t, "no reader is left", func() bool { return openStreams(s) == "0" })
}

func TestDeletionEndsTheAnswer(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		s.Router.Script(llmtest.Text("Half"), llmtest.Hang())
		user := s.User()
		conversation := user.Conversation()
		stream := user.Send(t.Context(), conversation.ID, "Hi")
		ack, _ := stream.Next()
		stream.Next()
		upstream, err := s.Router.Await(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		user.Do(http.MethodDelete, "/api/v1/conversations/"+conversation.ID, nil).Status(http.StatusNoContent)
		within(t, promptly, "the provider's connection is closed", upstream.Done)
		if last := stream.Last(); last.Name != "stream_reconnect" || last.Data["reason"] != "moved" {
			t.Errorf("the reader is told %+v", last)
		}
		answer := "/api/v1/messages/" + ack.Data["messageId"].(string)
		apitest.Eventually(t, "the answer is forgotten", func() bool {
			return user.Get(answer+"/events").StatusCode == http.StatusNotFound
		})
		for _, path := range []string{
			answer, "/api/v1/messages/" + ack.Data["userMessageId"].(string), "/api/v1/conversations/" + conversation.ID,
		} {
			user.Get(path).Problem(problem.NotFound)
		}
	})
}

func TestDeletionEndsTheWholeAnswerToo(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	s.Router.Script(llmtest.Hang())
	user := s.User()
	conversation := user.Conversation()
	replies := make(chan *apitest.Reply, 1)
	go func() {
		replies <- user.Post(fmt.Sprintf("/api/v1/conversations/%s/messages", conversation.ID),
			map[string]string{"content": "Hi"}, "Accept: application/json")
	}()
	if _, err := s.Router.Await(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	user.Do(http.MethodDelete, "/api/v1/conversations/"+conversation.ID, nil).Status(http.StatusNoContent)
	(<-replies).Problem(problem.NotFound)
}
