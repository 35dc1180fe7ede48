package api_test

import (
	"net/http"
	"testing"
	"time"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/problem"
)

// promptly is how soon a provider must notice a stop.
const promptly = 200 * time.Millisecond

func TestStopKeepsWhatThereIs(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, text string
		script     []llmtest.Step
	}{
		{"before the header", "", []llmtest.Step{llmtest.Silence()}},
		{"before the first token", "", []llmtest.Step{llmtest.Hang()}},
		{"in mid-stream", "Half an 😀", []llmtest.Step{llmtest.Text("Half an ", "😀"), llmtest.Hang()}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			apitest.Each(t, func(t *testing.T, s *apitest.Service) {
				s.Router.Script(test.script...)
				user := s.User()
				stream := user.Send(t.Context(), user.Conversation().ID, "Hi")
				ack, _ := stream.Next()
				for stream.Text != test.text {
					if _, ok := stream.Next(); !ok {
						t.Fatal("the stream ended")
					}
				}
				upstream, err := s.Router.Await(t.Context(), 1)
				if err != nil {
					t.Fatal(err)
				}
				answerID := ack.Data["messageId"].(string)
				stop := "/api/v1/messages/" + answerID + "/stop"

				other := s.Nobody() // another device of the same user
				other.Token = user.Token
				other.Post(stop, nil).Status(http.StatusAccepted)
				within(t, promptly, "the provider's connection is closed", upstream.Done)

				last := stream.Last()
				if last.Name != "stream_complete" || last.Data["finishReason"] != "stopped" || last.Data["content"] != test.text {
					t.Errorf("the stream ends with %+v", last)
				}
				prove(t, last, test.text)
				message := stored(user, answerID)
				if message.Status != chat.StatusStopped || message.Content != test.text || message.FinishReason != chat.FinishStopped || message.Error != nil {
					t.Errorf("stored: %+v", message)
				}
				again := apitest.Decode[chat.Message](user.Post(stop, nil).Status(http.StatusOK))
				if again.UpdatedAt != message.UpdatedAt || again.Status != chat.StatusStopped {
					t.Errorf("the second stop has changed the answer: %+v", again)
				}
			})
		})
	}
}

func TestStopThatComesLate(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	release := make(chan struct{})
	s.Router.Script(llmtest.Answer("Whole."))
	s.Router.Script(llmtest.Wait(release), llmtest.Answer("The next one."))
	user := s.User()
	conversation := user.Conversation()
	first := user.Ask(conversation.ID, "Hi")
	next := user.Send(t.Context(), conversation.ID, "Go on")
	next.Next()

	stopped := apitest.Decode[chat.Message](user.Post("/api/v1/messages/"+first.Message.ID+"/stop", nil).Status(http.StatusOK))
	if stopped.Status != chat.StatusComplete || stopped.Content != "Whole." || stopped.UpdatedAt != first.Message.UpdatedAt {
		t.Errorf("a late stop has changed the answer: %+v", stopped)
	}
	close(release)
	if last := next.Last(); last.Data["finishReason"] != "stop" || next.Text != "The next one." {
		t.Errorf("a late stop has met the next answer: %+v", last)
	}
}

func TestStopAtTheSameTime(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	s.Router.Script(llmtest.Text("Half"), llmtest.Hang())
	user := s.User()
	stream := user.Send(t.Context(), user.Conversation().ID, "Hi")
	ack, _ := stream.Next()
	const stops = 8
	statuses := make(chan int, stops)
	for range stops {
		go func() {
			statuses <- user.Post("/api/v1/messages/"+ack.Data["messageId"].(string)+"/stop", nil).StatusCode
		}()
	}
	accepted := 0
	for range stops {
		switch status := <-statuses; status {
		case http.StatusAccepted:
			accepted++
		case http.StatusOK:
		default:
			t.Errorf("a stop is answered with %d", status)
		}
	}
	if last := stream.Last(); accepted == 0 || last.Data["finishReason"] != "stopped" {
		t.Errorf("%d stops were accepted; the stream ends with %+v", accepted, last)
	}
}

// A stop races with the end of the answer: whoever is first, the caller hears
// how it ended and the stream says the same.
func TestStopRacesWithTheEnd(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		conversation := user.Conversation()
		for range 10 {
			release := make(chan struct{})
			s.Router.Script(llmtest.Text("Whole"), llmtest.Wait(release), llmtest.Finish("stop"), llmtest.Done())
			stream := user.Send(t.Context(), conversation.ID, "Hi")
			ack, _ := stream.Next()
			answerID := ack.Data["messageId"].(string)
			go close(release)
			if reply := user.Post("/api/v1/messages/"+answerID+"/stop", nil); reply.StatusCode >= http.StatusBadRequest {
				t.Fatalf("the stop is answered with %d: %s", reply.StatusCode, reply.Bytes)
			}
			last, message := stream.Last(), stored(user, answerID)
			if last.Name != "stream_complete" || last.Data["finishReason"] != message.FinishReason {
				t.Fatalf("the stream ends with %+v, stored is %+v", last, message)
			}
		}
	})
}

func TestStopOfWhatIsNotThere(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	release := make(chan struct{})
	s.Router.Script(llmtest.Wait(release), llmtest.Answer("Whole."))
	user, other := s.User(), s.User()
	stream := user.Send(t.Context(), user.Conversation().ID, "Hi")
	ack, _ := stream.Next()
	stop := func(u *apitest.User, id string) *apitest.Reply { return u.Post("/api/v1/messages/"+id+"/stop", nil) }
	stop(other, ack.Data["messageId"].(string)).Problem(problem.NotFound)
	stop(user, ack.Data["userMessageId"].(string)).Problem(problem.NotFound)
	stop(user, ack.Data["conversationId"].(string)).Problem(problem.NotFound)
	stop(user, "no-uuid").Problem(problem.NotFound)
	close(release)
	if stream.Rest(); stream.Text != "Whole." {
		t.Errorf("somebody has stopped the answer: %q", stream.Text)
	}
}
