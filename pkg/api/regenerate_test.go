package api_test

import (
	"net/http"
	"testing"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/id"
	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/problem"
)

func TestRegenerateSupersedesOnceItIsWhole(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		release := make(chan struct{})
		s.Router.Script(llmtest.Text("Old"), llmtest.Finish("stop"), llmtest.Usage(3, 5, 0, ""))
		s.Router.Script(llmtest.Text("New"), llmtest.Wait(release), llmtest.Finish("stop"), llmtest.Usage(3, 6, 0, ""))
		user := s.User()
		conversation := user.Conversation()
		old := user.Ask(conversation.ID, "Hi")
		stream := user.Stream(t.Context(), http.MethodPost, "/api/v1/messages/"+old.Message.ID+"/regenerate", nil)
		ack, _ := stream.Next()
		stream.Next()
		if ack.Data["userMessageId"] != old.UserMessage.ID || ack.Data["messageId"] == old.Message.ID {
			t.Errorf("the new answer is acknowledged with %v", ack.Data)
		}
		if message := stored(user, old.Message.ID); message.SupersededBy != "" {
			t.Error("the old answer is superseded before the new one is whole")
		}
		close(release)
		last := stream.Last()
		if last.Data["lastSeq"] != 3.0 || stream.Text != "New" {
			t.Errorf("the stream ends with %+v", last)
		}
		if message := stored(user, old.Message.ID); message.SupersededBy != ack.Data["messageId"] || message.Content != "Old" {
			t.Errorf("the old answer is %+v", message)
		}
		if got := messagesOf(user, conversation.ID); got != "user: Hi | assistant: New" {
			t.Errorf("the conversation holds %s", got)
		}
		after := apitest.Decode[chat.Conversation](user.Get("/api/v1/conversations/" + conversation.ID))
		if after.MessageCount != 2 || after.LastSeq != 3 || after.TotalTokens != 17 {
			t.Errorf("the conversation is %+v", after)
		}
	})
}

func TestRegenerateThatDoesNotSucceed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, holds string
		script      []llmtest.Step
		stopped     bool
	}{
		{"failed at once", "Old", []llmtest.Step{llmtest.ErrorStatus(500, "down", "")}, false},
		{"failed in mid-stream", "Old", []llmtest.Step{llmtest.Text("Ne"), llmtest.Cut()}, false},
		{"stopped before a word", "Old", []llmtest.Step{llmtest.Hang()}, true},
		{"stopped in mid-stream", "Ne", []llmtest.Step{llmtest.Text("Ne"), llmtest.Hang()}, true},
	}
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				s.Router.Script(llmtest.Text("Old"), llmtest.Finish("stop"))
				s.Router.Script(test.script...)
				conversation := user.Conversation()
				old := user.Ask(conversation.ID, "Hi").Message
				asked := len(s.Router.Exchanges())
				stream := user.Stream(t.Context(), http.MethodPost, "/api/v1/messages/"+old.ID+"/regenerate", nil)
				ack, _ := stream.Next()
				// One that is stopped before it asks leaves its script to the next.
				if _, err := s.Router.Await(t.Context(), asked+1); err != nil {
					t.Fatal(err)
				}
				if len(test.script) == 2 {
					stream.Next()
				}
				if test.stopped {
					user.Post("/api/v1/messages/"+ack.Data["messageId"].(string)+"/stop", nil).Status(http.StatusAccepted)
				}
				stream.Rest()
				if got := messagesOf(user, conversation.ID); got != "user: Hi | assistant: "+test.holds {
					t.Errorf("the conversation holds %s", got)
				}
				tried := stored(user, ack.Data["messageId"].(string))
				if kept := test.holds == "Old"; (tried.SupersededBy == old.ID) != kept || (stored(user, old.ID).SupersededBy == "") != kept {
					t.Errorf("what was tried is %+v", tried)
				}
				count := apitest.Decode[chat.Conversation](user.Get("/api/v1/conversations/" + conversation.ID)).MessageCount
				if count != 2 {
					t.Errorf("the conversation counts %d messages", count)
				}
				// The answer that stands can be made again.
				newest := old.ID
				if test.holds != "Old" {
					newest = tried.ID
				}
				again := user.Post("/api/v1/messages/"+newest+"/regenerate", nil, "Accept: application/json").Status(http.StatusCreated)
				if got := apitest.Decode[apitest.Exchange](again).Message; stored(user, newest).SupersededBy != got.ID {
					t.Errorf("the next try is %+v", got)
				}
			})
		}
	})
}

func TestRegenerateWhatCannotBe(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user, other := s.User(), s.User()
	conversation := user.Conversation()
	first := user.Ask(conversation.ID, "One")
	second := user.Ask(conversation.ID, "Two")
	regenerate := func(u *apitest.User, id string) *apitest.Reply {
		return u.Post("/api/v1/messages/"+id+"/regenerate", nil, "Accept: application/json")
	}
	regenerate(user, first.Message.ID).Problem(problem.Conflict)
	regenerate(user, second.UserMessage.ID).Problem(problem.NotFound)
	regenerate(other, second.Message.ID).Problem(problem.NotFound)
	regenerate(user, id.New()).Problem(problem.NotFound)

	regenerate(user, second.Message.ID).Status(http.StatusCreated)
	regenerate(user, second.Message.ID).Problem(problem.Conflict) // superseded by now

	release := make(chan struct{})
	s.Router.Script(llmtest.Wait(release), llmtest.Answer("Three"))
	stream := user.Send(t.Context(), conversation.ID, "Three")
	ack, _ := stream.Next()
	told := regenerate(user, second.Message.ID).Problem(problem.GenerationRunning)
	if told.Details["messageId"] != ack.Data["messageId"] {
		t.Errorf("details: %v", told.Details)
	}
	regenerate(user, ack.Data["messageId"].(string)).Problem(problem.GenerationRunning)
	close(release)
	stream.Rest()
}

func TestRegenerateCanBeRepeated(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		conversation := user.Conversation()
		old := user.Ask(conversation.ID, "Hi").Message
		path := "/api/v1/messages/" + old.ID + "/regenerate"
		const key = "Idempotency-Key: again"
		const requests = 8
		replies := make(chan *apitest.Reply, requests)
		for range requests {
			go func() { replies <- user.Post(path, nil, key, "Accept: application/json") }()
		}
		answers := make(map[string]bool)
		for range requests {
			answers[apitest.Decode[apitest.Exchange]((<-replies).Status(http.StatusCreated)).Message.ID] = true
		}
		if len(answers) != 1 || answers[old.ID] || len(s.Router.Exchanges()) != 2 {
			t.Errorf("the answers are %v; the provider was asked %d times", answers, len(s.Router.Exchanges()))
		}
		stream := user.Stream(t.Context(), http.MethodPost, path, nil, key)
		if last := stream.Last(); !answers[last.Data["messageId"].(string)] || stream.Header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("asked again, the stream ends with %+v", last)
		}
		user.Post(path, nil, key, "Last-Event-ID: "+stream.LastID).Status(http.StatusNoContent)
		user.Post(path, map[string]any{"temperature": 1}, key).Problem(problem.KeyReused)
		user.Post("/api/v1/conversations/"+conversation.ID+"/messages", map[string]any{"content": "Hi"}, key).Problem(problem.KeyReused)
	})
}
