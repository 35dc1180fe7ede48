package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/id"
	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/problem"
)

// edit sends a question in the place of another and waits for the answer.
func edit(user *apitest.User, conversationID, replaces, content string, headers ...string) *apitest.Reply {
	return user.Post("/api/v1/conversations/"+conversationID+"/messages",
		map[string]any{"content": content, "replaces": replaces}, append(headers, "Accept: application/json")...)
}

// shown is what a provider was shown of a conversation.
func shown(t *testing.T, exchange *llmtest.Exchange) string {
	t.Helper()
	var body struct {
		Messages []struct{ Role, Content string } `json:"messages"`
	}
	if err := json.Unmarshal(exchange.Body, &body); err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, message := range body.Messages {
		all = append(all, message.Role+": "+message.Content)
	}
	return strings.Join(all, " | ")
}

// last is the newest request that the provider got.
func last(s *apitest.Service) *llmtest.Exchange {
	all := s.Router.Exchanges()
	return all[len(all)-1]
}

func TestEditTakesThePlaceOfAQuestion(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		conversation := user.Conversation()
		for _, text := range []string{"one", "two", "three", "2", "1"} {
			s.Router.Script(llmtest.Text("re "+text), llmtest.Finish("stop"), llmtest.Usage(1, 1, 0, ""))
		}
		first := user.Ask(conversation.ID, "One")
		second := user.Ask(conversation.ID, "Two")
		third := user.Ask(conversation.ID, "Three")

		edited := apitest.Decode[apitest.Exchange](edit(user, conversation.ID, second.UserMessage.ID, "2").Status(http.StatusCreated))
		if edited.UserMessage.Replaces != second.UserMessage.ID || edited.UserMessage.Seq != 7 {
			t.Errorf("the new question is %+v", edited.UserMessage)
		}
		if got := messagesOf(user, conversation.ID); got != "user: One | assistant: re one | user: 2 | assistant: re 2" {
			t.Errorf("the conversation holds %s", got)
		}
		if got := shown(t, last(s)); got != "user: One | assistant: re one | user: 2" {
			t.Errorf("the model is shown %s", got)
		}
		for _, message := range []chat.Message{second.UserMessage, second.Message, third.UserMessage, third.Message} {
			if got := stored(user, message.ID); got.SupersededBy != edited.UserMessage.ID || got.Content != message.Content {
				t.Errorf("what was replaced is %+v", got)
			}
		}

		edit(user, conversation.ID, first.UserMessage.ID, "1").Status(http.StatusCreated)
		if got := messagesOf(user, conversation.ID); got != "user: 1 | assistant: re 1" {
			t.Errorf("the conversation holds %s", got)
		}
		if got := shown(t, last(s)); got != "user: 1" {
			t.Errorf("the model is shown %s", got)
		}
		if got := list(user, "").Data[0]; got.MessageCount != 2 || got.LastSeq != 10 || got.TotalTokens != 10 {
			t.Errorf("the conversation is %+v", got)
		}
	})
}

func TestEditStandsEvenIfItsAnswerFails(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := s.User()
	conversation := user.Conversation()
	old := user.Ask(conversation.ID, "Old")
	s.Router.Script(llmtest.ErrorStatus(http.StatusInternalServerError, "down", ""))
	edit(user, conversation.ID, old.UserMessage.ID, "New").Problem(problem.Upstream)
	if got := messagesOf(user, conversation.ID); got != "user: New | assistant: " {
		t.Errorf("the conversation holds %s", got)
	}
	newest := pageOf(user, "/api/v1/conversations/"+conversation.ID+"/messages").Data[0]
	s.Router.Script(llmtest.Text("At last"), llmtest.Finish("stop"))
	user.Post("/api/v1/messages/"+newest.ID+"/regenerate", nil, "Accept: application/json").Status(http.StatusCreated)
	if got := shown(t, last(s)); got != "user: New" {
		t.Errorf("the model is shown %s", got)
	}
}

func TestEditOfWhatCannotBeReplaced(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user, stranger := s.User(), s.User()
		conversation := user.Conversation()
		asked := user.Ask(conversation.ID, "Hi")
		elsewhere := user.Ask(user.Conversation().ID, "Hi")
		theirs := stranger.Ask(stranger.Conversation().ID, "Hi")
		for name, target := range map[string]string{
			"unknown": id.New(), "no id": "x", "empty": "", "of another conversation": elsewhere.UserMessage.ID,
			"of somebody else": theirs.UserMessage.ID,
		} {
			t.Run(name, func(t *testing.T) { edit(user.In(t), conversation.ID, target, "New").Problem(problem.NotFound) })
		}
		edit(stranger, conversation.ID, asked.UserMessage.ID, "Mine").Problem(problem.NotFound)
		edit(user, conversation.ID, asked.Message.ID, "New").Problem(problem.Conflict)
		body := `{"content":"New","replaces":null}`
		told := user.Post("/api/v1/conversations/"+conversation.ID+"/messages", body).Problem(problem.Invalid)
		if len(told.Errors) != 1 || told.Errors[0].Pointer != "/replaces" {
			t.Errorf("null is told as %+v", told.Errors)
		}
		if got := messagesOf(user, conversation.ID); got != "user: Hi | assistant: "+asked.Message.Content {
			t.Errorf("the conversation holds %s", got)
		}
		edited := apitest.Decode[apitest.Exchange](edit(user, conversation.ID, asked.UserMessage.ID, "New").Status(http.StatusCreated))
		again := edit(user, conversation.ID, asked.UserMessage.ID, "Newer").Problem(problem.Conflict)
		if again.Details["supersededBy"] != edited.UserMessage.ID {
			t.Errorf("details: %v", again.Details)
		}
	})
}

func TestEditIsRefusedAsASendIs(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		conversation := user.Conversation()
		old := user.Ask(conversation.ID, "Old").UserMessage
		stale := map[string]any{"content": "New", "replaces": old.ID, "lastSeq": 1}
		path := "/api/v1/conversations/" + conversation.ID + "/messages"
		told := user.Post(path, stale).Problem(problem.StaleConversation)
		if told.Details["lastSeq"] != 2.0 {
			t.Errorf("details: %v", told.Details)
		}
		release := make(chan struct{})
		s.Router.Script(llmtest.Wait(release), llmtest.Text("done"), llmtest.Finish("stop"))
		const key = "Idempotency-Key: edit"
		stream := user.Stream(t.Context(), http.MethodPost, path,
			map[string]any{"content": "New", "replaces": old.ID, "lastSeq": 2}, key)
		ack, _ := stream.Next()
		told = user.Post(path, stale).Problem(problem.GenerationRunning)
		if told.Details["messageId"] != ack.Data["messageId"] {
			t.Errorf("details: %v", told.Details)
		}
		// Without replaces, or with another, it is another request.
		user.Post(path, map[string]any{"content": "New", "lastSeq": 2}, key).Problem(problem.KeyReused)
		user.Post(path, map[string]any{"content": "New", "replaces": id.New(), "lastSeq": 2}, key).Problem(problem.KeyReused)
		close(release)
		stream.Rest()
		again := user.Post(path, map[string]any{"content": "New", "replaces": old.ID, "lastSeq": 2}, key, "Accept: application/json")
		got := apitest.Decode[apitest.Exchange](again.Status(http.StatusCreated))
		if got.Message.ID != ack.Data["messageId"] || again.Header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("sent again, the answer is %+v", got.Message)
		}
	})
}

func TestRaceOfEditsHasOneWinner(t *testing.T) {
	t.Parallel()
	const editors = 8
	set := apitest.DefaultLimits()
	set.Generations = editors
	apitest.EachWith(t, apitest.Options{Limits: set}, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		conversation := user.Conversation()
		old := user.Ask(conversation.ID, "Old").UserMessage
		replies := make(chan *apitest.Reply, editors)
		for range editors {
			go func() { replies <- edit(user, conversation.ID, old.ID, "New") }()
		}
		won := 0
		for range editors {
			reply := <-replies
			if reply.StatusCode == http.StatusCreated {
				won++
				continue
			}
			code := apitest.Decode[problem.Document](reply.Status(http.StatusConflict)).Code
			if code != problem.GenerationRunning.Code() && code != problem.Conflict.Code() {
				t.Errorf("an edit is refused with %s", code)
			}
		}
		if got := messagesOf(user, conversation.ID); won != 1 || strings.Count(got, " | ") != 1 || len(s.Router.Exchanges()) != 2 {
			t.Errorf("%d edits won; the conversation holds %s; the provider was asked %d times", won, got, len(s.Router.Exchanges()))
		}
	})
}
