package api_test

import (
	"net/http"
	"testing"

	"go.uber.org/goleak"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm/llmtest"
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
		message := apitest.Decode[chat.Message](user.Get("/api/v1/messages/" + last["messageId"].(string)).Status(http.StatusOK))
		if message.Content != stream.Text || message.Status != chat.StatusComplete || message.Cost == nil || *message.Cost != "0.000123" || message.TokensUsed != 8 {
			t.Errorf("stored: %+v", message)
		}
	})
}
