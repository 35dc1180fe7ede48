package api_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/problem"
)

func TestSameKeyFindsTheSameAnswer(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		release := make(chan struct{})
		s.Router.Script(llmtest.Text("Once ", "and "), llmtest.Wait(release), llmtest.Text("only once."), llmtest.Finish("stop"))
		user := s.User()
		conversation := user.Conversation()
		const key = "Idempotency-Key: a key: ~!"
		first := user.Send(t.Context(), conversation.ID, "Hi", key)
		if got := first.Header.Get("Idempotency-Replayed"); got != "" {
			t.Errorf("the first request is replayed: %s", got)
		}
		ack, _ := first.Next()
		for first.Text != "Once and " {
			first.Next()
		}
		answerID := ack.Data["messageId"].(string)

		whole := user.Send(t.Context(), conversation.ID, "Hi", key)
		rest := user.Send(t.Context(), conversation.ID, "Hi", key, "Last-Event-ID: "+first.LastID)
		rest.Text = first.Text
		strange := user.Send(t.Context(), conversation.ID, "Hi", key, "Last-Event-ID: 7.7")
		path := "/api/v1/conversations/" + conversation.ID + "/messages"
		body := map[string]string{"content": "Hi"}
		async := user.Post(path, body, key, "Prefer: respond-async").Status(http.StatusAccepted)
		if got := apitest.Decode[apitest.Exchange](async); got.Message.ID != answerID || async.Header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("asked again for later, the answer is %s, want %s", got.Message.ID, answerID)
		}
		close(release)
		for name, stream := range map[string]*apitest.Stream{"whole": whole, "rest": rest, "strange cursor": strange} {
			events := stream.Rest()
			if stream.Text != "Once and only once." || stream.Header.Get("Idempotency-Replayed") != "true" {
				t.Errorf("%s: text %q, headers %v", name, stream.Text, stream.Header)
			}
			if got := events[0].Name; (name == "strange cursor") != (got == "stream_reset") || (name == "whole") != (got == "message_ack") {
				t.Errorf("%s begins with %s", name, got)
			}
			if last := events[len(events)-1]; last.Data["messageId"] != answerID {
				t.Errorf("%s ends with %+v", name, last)
			}
		}
		first.Rest()

		again := user.Send(t.Context(), conversation.ID, "Hi", key)
		if again.Rest(); again.Text != "Once and only once." || again.LastID != first.LastID {
			t.Errorf("finished, the answer is %q up to %s", again.Text, again.LastID)
		}
		user.Post(path, body, key, "Last-Event-ID: "+first.LastID).Status(http.StatusNoContent)
		finished := user.Post(path, body, key, "Accept: application/json").Status(http.StatusCreated)
		if got := apitest.Decode[apitest.Exchange](finished); got.Message.ID != answerID ||
			got.UserMessage.ID != ack.Data["userMessageId"] || got.Message.Status != chat.StatusComplete {
			t.Errorf("the whole answer is %+v", got)
		}
		if n := len(s.Router.Exchanges()); n != 1 {
			t.Errorf("the provider was asked %d times", n)
		}
		if got := messagesOf(user, conversation.ID); got != "user: Hi | assistant: Once and only once." {
			t.Errorf("the conversation holds %s", got)
		}
	})
}

func TestSameKeyWithAnotherRequest(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := s.User()
	conversation := user.Conversation()
	const key = "Idempotency-Key: k"
	path := "/api/v1/conversations/" + conversation.ID + "/messages"
	first := apitest.Decode[apitest.Exchange](user.Post(path, map[string]any{"content": "Hi"}, key, "Accept: application/json").
		Status(http.StatusCreated))

	for _, body := range []map[string]any{
		{"content": "Hi!"},
		{"content": "Hi", "temperature": 0.5},
		{"content": "Hi", "maxTokens": 9},
		{"content": "Hi", "modelId": apitest.Model},
	} {
		user.Post(path, body, key).Problem(problem.KeyReused)
	}
	user.Post("/api/v1/messages/"+first.Message.ID+"/regenerate", nil, key).Problem(problem.KeyReused)
	elsewhere := user.Conversation()
	if last := user.Send(t.Context(), elsewhere.ID, "Hi", key).Last(); last.Data["messageId"] == first.Message.ID {
		t.Error("a key reaches into another conversation")
	}
}

func TestBadKeys(t *testing.T) {
	s := apitest.Start(t, apitest.Options{})
	user := s.User()
	path := "/api/v1/conversations/" + user.Conversation().ID + "/messages"
	for name, key := range map[string]string{
		"too long": strings.Repeat("k", 256), "not ASCII": "clé", "a tab within": "a\tb",
	} {
		t.Run(name, func(t *testing.T) {
			told := user.Post(path, map[string]string{"content": "Hi"}, "Idempotency-Key: "+key).Problem(problem.Malformed)
			if len(told.Errors) != 1 || told.Errors[0].Pointer != "Idempotency-Key" {
				t.Errorf("errors: %+v", told.Errors)
			}
		})
	}
	user.Post(path, map[string]string{"content": "Hi"}, "Idempotency-Key: "+strings.Repeat("k", 255)).Status(http.StatusOK)
	if n := len(s.Router.Exchanges()); n != 1 {
		t.Errorf("the provider was asked %d times", n)
	}
}

// Twenty times the same request at once is one question, one answer, one
// request to the provider. The first INSERT is in flight when others come.
func TestSameRequestsAtOnce(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		conversation := user.Conversation()
		const requests = 20
		streams := make(chan *apitest.Stream, requests)
		for range requests {
			go func() { streams <- user.Send(t.Context(), conversation.ID, "Hi", "Idempotency-Key: k") }()
		}
		answers, fresh := make(map[any]int), 0
		for range requests {
			stream := <-streams
			answers[stream.Last().Data["messageId"]]++
			if stream.Header.Get("Idempotency-Replayed") == "" {
				fresh++
			}
			if stream.Text != "Hello from the scripted router." {
				t.Errorf("a reader has %q", stream.Text)
			}
		}
		if len(answers) != 1 || fresh != 1 || len(s.Router.Exchanges()) != 1 {
			t.Errorf("answers %v, %d of them new, the provider was asked %d times", answers, fresh, len(s.Router.Exchanges()))
		}
		if got := messagesOf(user, conversation.ID); got != "user: Hi | assistant: Hello from the scripted router." {
			t.Errorf("the conversation holds %s", got)
		}
	})
}

func TestDifferentRequestsAtOnce(t *testing.T) {
	t.Parallel()
	apitest.EachWith(t, apitest.Options{Limits: new(apitest.Limits)}, func(t *testing.T, s *apitest.Service) {
		release := make(chan struct{})
		s.Router.Script(llmtest.Wait(release), llmtest.Answer("One."))
		user := s.User()
		conversation := user.Conversation()
		path := "/api/v1/conversations/" + conversation.ID + "/messages"
		const requests = 10
		replies := make([]*apitest.Reply, requests)
		var sent sync.WaitGroup
		for i := range requests {
			sent.Go(func() {
				replies[i] = user.Post(path, map[string]string{"content": "Hi"},
					"Prefer: respond-async", "Idempotency-Key: k"+strings.Repeat("k", i))
			})
		}
		sent.Wait()
		var won []string
		for _, reply := range replies {
			if reply.StatusCode == http.StatusAccepted {
				won = append(won, apitest.Decode[apitest.Exchange](reply).Message.ID)
			}
		}
		if len(won) != 1 {
			t.Fatalf("%d requests have won", len(won))
		}
		for _, reply := range replies {
			if reply.StatusCode == http.StatusAccepted {
				continue
			}
			if told := reply.Problem(problem.GenerationRunning); told.Details["messageId"] != won[0] {
				t.Errorf("details: %v, want the id %s", told.Details, won[0])
			}
		}
		close(release)
		user.Follow(t.Context(), won[0]).Rest()
		if got := messagesOf(user, conversation.ID); got != "user: Hi | assistant: One." {
			t.Errorf("the conversation holds %s", got)
		}
	})
}

// messagesOf are the messages that stand, oldest first.
func messagesOf(user *apitest.User, conversationID string) string {
	reply := user.Get("/api/v1/conversations/" + conversationID + "/messages?order=asc").Status(http.StatusOK)
	var all []string
	for _, message := range apitest.Decode[chat.MessagePage](reply).Data {
		all = append(all, string(message.Role)+": "+message.Content)
	}
	return strings.Join(all, " | ")
}
