package api_test

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"dreamchat/pkg/api"
	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm/llmtest"
)

// counting starts a service that asks models again, soon, and tells how each
// completion ended. Without a silence the provider may take its time.
func counting(t *testing.T, silence time.Duration, tries int, fallbacks ...string) (*apitest.Service, <-chan chat.Outcome) {
	t.Helper()
	ended := make(chan chat.Outcome, 100)
	s := apitest.Start(t, apitest.Options{Silence: silence, Change: func(server *api.Server) {
		server.Completions.Retries = chat.Retries{Tries: tries, Pause: time.Millisecond, Limit: 20 * time.Second}
		server.Completions.OnFinish = func(outcome chat.Outcome) { ended <- outcome }
		server.Models.Fallbacks = fallbacks
	}})
	return s, ended
}

func TestCompletionIsTriedAgain(t *testing.T) {
	t.Parallel()
	for _, test := range trials() {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, ended := counting(t, time.Second, 2)
			for _, script := range test.scripts {
				s.Router.Script(script...)
			}
			request := streamed(true)
			if test.fallbacks != nil {
				request["models"] = test.fallbacks
			}
			s.User().Post(completions, request)
			if got := asked(t, s); !slices.Equal(got, test.asked) {
				t.Errorf("asked %q, want %q", got, test.asked)
			}
			if got := <-ended; (got.Status == chat.StatusComplete) != (test.kind == 0) {
				t.Errorf("it ended as %+v", got)
			}
		})
	}
}

func TestCompletionFallsBackToTheModelsOfTheSettings(t *testing.T) {
	t.Parallel()
	s, _ := counting(t, 0, 1, second)
	user := s.User()
	s.Router.Script(llmtest.ErrorStatus(500, "Oh no.", ""))
	user.Post(completions, streamed(true)).Status(http.StatusOK)
	s.Router.Script(llmtest.ErrorStatus(500, "Oh no.", ""))
	alone := streamed(true)
	alone["models"] = []string{}
	user.Post(completions, alone).Status(http.StatusBadGateway)
	first := streamed(true)
	first["model"], first["models"] = nil, []string{third, second}
	s.Router.Script(llmtest.ErrorStatus(500, "Oh no.", ""))
	user.Post(completions, first).Status(http.StatusOK)
	if got, want := asked(t, s), []string{apitest.Model, second, apitest.Model, third, second}; !slices.Equal(got, want) {
		t.Errorf("asked %q, want %q", got, want)
	}
}

func TestCompletionIsCounted(t *testing.T) {
	t.Parallel()
	s, ended := counting(t, 0, 1)
	user := s.User()
	ends := func(name string, status chat.Status, prompt, completion int) {
		t.Helper()
		got := <-ended
		if got.Provider != "openrouter" || got.Status != status || got.PromptTokens != prompt || got.CompletionTokens != completion ||
			got.Duration <= 0 || got.FirstToken <= 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	s.Router.Script(llmtest.Text("Hello"), llmtest.Finish("stop"), llmtest.Usage(3, 5, 1, "0.1"), llmtest.Done())
	user.Post(completions, streamed(false)).Status(http.StatusOK)
	ends("streamed", chat.StatusComplete, 3, 5)
	s.Router.Script(llmtest.Reply(http.StatusOK, "application/json", `{"choices":[{"message":{"content":"a"},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":4}}`))
	user.Post(completions, completion(apitest.Model, "Hi")).Status(http.StatusOK)
	ends("whole", chat.StatusComplete, 3, 4)
	s.Router.Script(llmtest.Text("Hello"), llmtest.Usage(3, 5, 1, "0.1"), llmtest.Cut())
	user.Post(completions, streamed(false)).Status(http.StatusOK)
	ends("broken", chat.StatusFailed, 3, 5)
	s.Router.Script(llmtest.Text("Hello"), llmtest.Hang())
	ctx, leave := context.WithCancel(t.Context())
	response := user.Open(ctx, http.MethodPost, completions, streamed(false))
	leave()
	_ = response.Body.Close()
	ends("left", chat.StatusStopped, 5, 2) // about what it took
}
