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
	request := map[string]any{"model": apitest.Model, "stream": true, "store": true, "messages": []any{map[string]any{"role": "user", "content": "Say it all"}}}
	request["metadata"] = map[string]any{"conversation_id": user.Conversation().ID}
	chunks := data(t, user.Post(completions, request).Status(http.StatusOK).Bytes)
	if n := len(chunks); chunks[n-1] != "[DONE]" || !strings.Contains(chunks[n-2], `"finish_reason":"length"`) {
		t.Errorf("the completion ends with %.100q", chunks[n-2:])
	}
	for n := range 2 {
		upstream, err := s.Router.Await(t.Context(), n+1)
		if err != nil {
			t.Fatal(err)
		}
		<-upstream.Done
	}
}
