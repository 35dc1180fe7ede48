package api_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm/llmtest"
)

// A provider that never ends cannot fill the memory: the answer ends as if its
// token limit were reached, and the provider is let go.
func TestAnswersAreBounded(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	endless := llmtest.Text(slices.Repeat([]string{strings.Repeat("a", 900<<10)}, 5)...)
	s.Router.Script(endless, llmtest.Hang())
	s.Router.Script(endless, llmtest.Hang())
	user := s.User()

	kept := user.Ask(user.Conversation().ID, "Say it all").Message
	if n := len(kept.Content); kept.Status != chat.StatusComplete || kept.FinishReason != chat.FinishLength || n < 4<<20 || n > 5<<20 {
		t.Errorf("the answer has %d bytes, is %s and ended by %s", n, kept.Status, kept.FinishReason)
	}
	whole := apitest.Decode[struct {
		Choices []struct {
			Message      struct{ Content string }
			FinishReason string `json:"finish_reason"`
		}
	}](user.Post(completions, completion(apitest.Model, "Say it all")).Status(http.StatusOK)).Choices[0]
	if n := len(whole.Message.Content); whole.FinishReason != chat.FinishLength || n < 4<<20 || n > 5<<20 {
		t.Errorf("the completion has %d bytes and ended by %s", n, whole.FinishReason)
	}
	for n := range 2 {
		upstream, err := s.Router.Await(t.Context(), n+1)
		if err != nil {
			t.Fatal(err)
		}
		<-upstream.Done
	}
}
