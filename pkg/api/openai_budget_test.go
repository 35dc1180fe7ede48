package api_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/llm/llmtest"
)

func TestCompletionsStayWithinTheBudget(t *testing.T) {
	budgeted(t, "0.00004", "", func(t *testing.T, s *apitest.Service) {
		user := s.User()
		// The members of the request have 54 bytes, its turn takes twice 16 tokens: 86 at
		// 0.00000015, and the answer 10 at 0.0000006.
		const most = "0.0000189"
		short := streamed(true)
		short["max_completion_tokens"] = 10
		s.Router.Script(llmtest.Text("Hel"), llmtest.Hang())
		ctx, leave := context.WithCancel(t.Context())
		response := user.Open(ctx, http.MethodPost, completions, short)
		if got := standing(user); got != "day 0+"+most+"/0.0000211 " {
			t.Errorf("while it runs: %s", got)
		}
		long := streamed(true)
		long["max_tokens"] = 40
		limitless := kept(user.Conversation().ID, true)
		several := streamed(true)
		several["n"], several["max_tokens"] = 5, 10
		picture := streamed(true)
		picture["max_tokens"], picture["messages"] = 1, []any{map[string]any{"role": "user", "content": []any{
			map[string]any{"type": "image_url", "image_url": map[string]any{"url": "https://example.com/a.png"}},
		}}}
		wordy := streamed(true)
		wordy["max_tokens"], wordy["messages"] = 1, []any{map[string]any{"role": "user", "content": strings.Repeat("a", 20_000)}}
		for name, request := range map[string]any{"a picture": picture, "a long word": wordy, "too long": long, "without a limit": limitless, "too often": several} {
			refused := user.Post(completions, request).Status(http.StatusPaymentRequired)
			if got := envelope(refused); got.Code != "budget_exceeded" || got.Type != "insufficient_quota" || !strings.Contains(got.Message, "budget") {
				t.Errorf("%s: %+v", name, got)
			}
		}
		leave()
		_ = response.Body.Close()
		apitest.Eventually(t, "the reservation is given back", func() bool { return usageBudgets(user)[0].Reserved == "0" })
		if spent := usageBudgets(user)[0].Spent; spent == "0" {
			t.Error("what was sent by then was not charged")
		}
		s.Router.Script(llmtest.Text("Hello"), llmtest.Finish("stop"), llmtest.Usage(3, 4, 0, "0.00001"), llmtest.Done())
		stored := kept(user.Conversation().ID, true)
		stored["max_tokens"] = 10
		user.Post(completions, stored).Status(http.StatusOK)
		if n := len(s.Router.Exchanges()); n != 2 {
			t.Errorf("the provider was asked %d times", n)
		}
	})
}
