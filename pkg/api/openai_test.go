package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/sse"
)

const completions = "/api/v1/chat/completions"

func completion(model, content string) map[string]any {
	return map[string]any{"model": model, "messages": []any{map[string]any{"role": "user", "content": content}}}
}

func streamed(usage bool) map[string]any {
	request := completion(apitest.Model, "Hi")
	request["stream"] = true
	if usage {
		request["stream_options"] = map[string]any{"include_usage": true}
	}
	return request
}

// fault is the error of OpenAI's wire.
type fault struct {
	Message, Type, Code string
	Param               *string
}

func envelope(reply *apitest.Reply) fault {
	return apitest.Decode[struct{ Error fault }](reply).Error
}

// completionChunk is one event of a streamed completion.
type completionChunk struct {
	ID, Object, Model string
	Choices           []struct {
		Delta struct {
			Role, Reasoning string
			Content         *string
		}
		FinishReason *string `json:"finish_reason"`
	}
	Usage *struct {
		PromptTokens     int `json:"prompt_tokens"`
		CompletionTokens int `json:"completion_tokens"`
		TotalTokens      int `json:"total_tokens"`
	}
	Error *fault
}

// completionChunks reads a stream to its end, and whether that was [DONE].
func completionChunks(t *testing.T, reply *apitest.Reply) (all []completionChunk, done bool) {
	t.Helper()
	reader := sse.NewReader(strings.NewReader(string(reply.Bytes)), 1<<20)
	for {
		event, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return all, done
		}
		if err != nil {
			t.Fatal(err)
		}
		if done = string(event.Data) == "[DONE]"; done {
			continue
		}
		var next completionChunk
		if err := json.Unmarshal(event.Data, &next); err != nil {
			t.Fatal(err)
		}
		all = append(all, next)
	}
}

func script(s *apitest.Service) {
	s.Router.Script(llmtest.Reasoning("Hm."), llmtest.Text("Hel", "lo"), llmtest.Finish("length"), llmtest.Usage(3, 5, 1, "0.1"), llmtest.Done())
}

func TestCompletionIsWhole(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		script(s)
		user := s.User()
		reply := user.Post(completions, completion(apitest.Model, "Hi")).Status(http.StatusOK)
		got := apitest.Decode[struct {
			ID, Object, Model string
			Choices           []struct {
				Message      struct{ Role, Content, Reasoning string }
				FinishReason string `json:"finish_reason"`
			}
			Usage map[string]int
		}](reply)
		choice := got.Choices[0]
		if !strings.HasPrefix(got.ID, "chatcmpl-") || got.Object != "chat.completion" || got.Model != "test/model" ||
			choice.Message.Role != "assistant" || choice.Message.Content != "Hello" || choice.Message.Reasoning != "Hm." ||
			choice.FinishReason != "length" || got.Usage["total_tokens"] != 8 || got.Usage["prompt_tokens"] != 3 || got.Usage["completion_tokens"] != 5 {
			t.Errorf("the answer is %s", reply.Bytes)
		}
		if page := list(user, ""); page.Total != 0 {
			t.Errorf("%d conversations came of it", page.Total)
		}
		if sums := usage(user, ""); sums.Total.Messages != 0 {
			t.Errorf("it counts as %+v", sums.Total)
		}
	})
}

func TestCompletionIsStreamed(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := s.User()
	for _, test := range []struct {
		name  string
		usage bool
	}{{"without usage", false}, {"with usage", true}} {
		t.Run(test.name, func(t *testing.T) {
			script(s)
			reply := user.In(t).Post(completions, streamed(test.usage)).Status(http.StatusOK)
			if got := reply.Header.Get("Content-Type"); got != "text/event-stream" {
				t.Errorf("Content-Type is %q", got)
			}
			all, done := completionChunks(t, reply)
			var text, reasoning strings.Builder
			var roles, finishes, usages int
			for i, next := range all {
				if next.ID != all[0].ID || next.Object != "chat.completion.chunk" || next.Model != "test/model" {
					t.Errorf("chunk %d: %+v", i, next)
				}
				if next.Usage != nil {
					usages++
					if last := i == len(all)-1; !last || len(next.Choices) != 0 || next.Usage.TotalTokens != 8 {
						t.Errorf("usage in chunk %d of %d: %+v", i, len(all), next)
					}
				}
				for _, choice := range next.Choices {
					if choice.Delta.Role != "" {
						roles++
					}
					if choice.FinishReason != nil {
						finishes++
					}
					if choice.Delta.Content != nil {
						text.WriteString(*choice.Delta.Content)
					}
					reasoning.WriteString(choice.Delta.Reasoning)
				}
			}
			wantUsages := 0
			if test.usage {
				wantUsages = 1
			}
			if text.String() != "Hello" || reasoning.String() != "Hm." || roles != 1 || finishes != 1 || usages != wantUsages || !done {
				t.Errorf("text %q, reasoning %q, %d roles, %d finishes, %d usages, done %t", text.String(), reasoning.String(), roles, finishes, usages, done)
			}
		})
	}
}

func TestCompletionAsksTheProvider(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	request := `{"model":"` + apitest.Model + `","temperature":0.2,"max_tokens":7,"max_completion_tokens":9,
		"user":"x","tools":[],"response_format":{"type":"text"},"stream_options":null,"n":1,"messages":[
		{"role":"system","content":"Be brief.","name":"x"},
		{"role":"developer","content":"Be kind."},
		{"role":"user","content":[{"type":"text","text":"One, "},{"type":"text","text":"two"}]},
		{"role":"assistant","content":"three"},
		{"role":"user","content":"four"}]}`
	s.User().Post(completions, request).Status(http.StatusOK)
	var asked struct {
		Model       string
		Temperature float64
		MaxTokens   int `json:"max_tokens"`
		Messages    []struct{ Role, Content string }
	}
	if err := json.Unmarshal(s.Router.Exchanges()[0].Body, &asked); err != nil {
		t.Fatal(err)
	}
	var turns []string
	for _, turn := range asked.Messages {
		turns = append(turns, turn.Role+": "+turn.Content)
	}
	want := []string{"system: Be brief.", "system: Be kind.", "user: One, two", "assistant: three", "user: four"}
	if asked.Model != apitest.Model || asked.Temperature != 0.2 || asked.MaxTokens != 9 || !slices.Equal(turns, want) {
		t.Errorf("asked for %+v", asked)
	}
}

func TestCompletionIsRefused(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := s.User()
	turns := `"messages":[{"role":"user","content":"Hi"}]`
	for _, test := range []struct {
		name, body  string
		status      int
		code, param string
	}{
		{"no JSON", `{`, http.StatusBadRequest, "malformed_request", ""},
		{"wrong type", `{"model":1,` + turns + `}`, http.StatusBadRequest, "malformed_request", ""},
		{"an image", `{"model":"a","messages":[{"role":"user","content":[{"type":"image_url"}]}]}`, http.StatusBadRequest, "malformed_request", ""},
		{"no model", `{` + turns + `}`, http.StatusUnprocessableEntity, "validation_failed", "model"},
		{"unknown model", `{"model":"openai/gpt-9",` + turns + `}`, http.StatusBadRequest, "model_not_found", ""},
		{"no messages", `{"model":"a"}`, http.StatusUnprocessableEntity, "validation_failed", "messages"},
		{"empty messages", `{"model":"a","messages":[]}`, http.StatusUnprocessableEntity, "validation_failed", "messages"},
		{"too many messages", `{"model":"a","messages":[` + strings.Repeat(`{"role":"user","content":""},`, 1000) + `{}]}`, http.StatusUnprocessableEntity, "validation_failed", "messages"},
		{"unknown role", `{"model":"a","messages":[{"role":"tool","content":"x"}]}`, http.StatusUnprocessableEntity, "validation_failed", "messages"},
		{"too warm", `{"model":"a","temperature":2.1,` + turns + `}`, http.StatusUnprocessableEntity, "validation_failed", "temperature"},
		{"no tokens", `{"model":"a","max_tokens":0,` + turns + `}`, http.StatusUnprocessableEntity, "validation_failed", "max_tokens"},
		{"invalid UTF-8", "{\"model\":\"a\xff\"," + turns + `}`, http.StatusBadRequest, "malformed_request", ""},
		{"too large", `{"model":"` + strings.Repeat("a", 1<<20) + `",` + turns + `}`, http.StatusRequestEntityTooLarge, "too_large", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := envelope(user.In(t).Post(completions, test.body).Status(test.status))
			param := ""
			if got.Param != nil {
				param = *got.Param
			}
			if got.Code != test.code || got.Type != "invalid_request_error" || param != test.param || got.Message == "" {
				t.Errorf("the error is %+v with param %q", got, param)
			}
		})
	}
	anonymous := s.Nobody().Post(completions, completion(apitest.Model, "Hi")).Status(http.StatusUnauthorized)
	if got := envelope(anonymous); got.Type != "authentication_error" || got.Code != "unauthenticated" {
		t.Errorf("without a token: %+v", got)
	}
	if got := envelope(user.Post(completions, "{}", "Content-Type: text/plain").Status(http.StatusUnsupportedMediaType)); got.Code != "unsupported_media_type" {
		t.Errorf("of another type: %+v", got)
	}
	if asked := len(s.Router.Exchanges()); asked != 0 {
		t.Errorf("the provider was asked %d times", asked)
	}
}

func TestCompletionFailsWithARealStatusBeforeTheFirstToken(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Silence: 300 * time.Millisecond})
	user := s.User()
	for _, test := range []struct {
		name       string
		script     []llmtest.Step
		status     int
		code, kind string
		retryAfter string
	}{
		{"our key", []llmtest.Step{llmtest.ErrorStatus(401, "No key.", "")}, http.StatusBadGateway, "upstream_auth", "server_error", ""},
		{"the request", []llmtest.Step{llmtest.ErrorStatus(400, "Too odd.", "")}, http.StatusBadGateway, "upstream_rejected", "server_error", ""},
		{"busy", []llmtest.Step{llmtest.ErrorStatus(429, "Slow down.", "7")}, http.StatusServiceUnavailable, "upstream_busy", "server_error", "7"},
		{"broken", []llmtest.Step{llmtest.ErrorStatus(500, "Oh no.", "")}, http.StatusBadGateway, "upstream_error", "server_error", ""},
		{"error in the first chunk", []llmtest.Step{llmtest.ErrorChunk("502", "Gone.")}, http.StatusBadGateway, "upstream_error", "server_error", ""},
		{"cut off", []llmtest.Step{llmtest.Cut()}, http.StatusBadGateway, "upstream_error", "server_error", ""},
		{"silence", []llmtest.Step{llmtest.Silence()}, http.StatusGatewayTimeout, "upstream_timeout", "server_error", ""},
	} {
		for name, request := range map[string]any{"streamed": streamed(true), "whole": completion(apitest.Model, "Hi")} {
			t.Run(test.name+", "+name, func(t *testing.T) {
				s.Router.Script(test.script...)
				reply := user.In(t).Post(completions, request).Status(test.status)
				if got := envelope(reply); got.Code != test.code || got.Type != test.kind {
					t.Errorf("the error is %+v", got)
				}
				if got := reply.Header.Get("Retry-After"); got != test.retryAfter {
					t.Errorf("Retry-After is %q", got)
				}
			})
		}
	}
}

func TestCompletionFailsInMidStream(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := s.User()
	for name, end := range map[string]llmtest.Step{
		"error chunk":              llmtest.ErrorChunk("502", "Gone."),
		"cut off":                  llmtest.Cut(),
		"end without its last bit": llmtest.Raw(""),
	} {
		t.Run(name, func(t *testing.T) {
			s.Router.Script(llmtest.Text("Hel", "lo"), end)
			all, done := completionChunks(t, user.In(t).Post(completions, streamed(true)).Status(http.StatusOK))
			last := all[len(all)-1]
			if done || last.Error == nil || last.Error.Code != "upstream_error" {
				t.Errorf("done %t, the last chunk is %+v", done, last)
			}
			s.Router.Script(llmtest.Text("Hel", "lo"), end)
			whole := user.In(t).Post(completions, completion(apitest.Model, "Hi")).Status(http.StatusBadGateway)
			if got := envelope(whole); got.Code != "upstream_error" {
				t.Errorf("whole: %+v", got)
			}
		})
	}
}

func TestCompletionEndsWithItsClient(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Silence: time.Minute})
	user := s.User()
	for name, request := range map[string]any{"streamed": streamed(false), "whole": completion(apitest.Model, "Hi")} {
		t.Run(name, func(t *testing.T) {
			s.Router.Script(llmtest.Text("Hel"), llmtest.Hang())
			asked := len(s.Router.Exchanges())
			ctx, leave := context.WithCancel(t.Context())
			left := make(chan struct{})
			go func() {
				defer close(left)
				user.Leave(ctx, http.MethodPost, completions, request)
			}()
			exchange, err := s.Router.Await(t.Context(), asked+1)
			if err != nil {
				t.Fatal(err)
			}
			leave()
			<-left
			select {
			case <-exchange.Gone:
			case <-time.After(10 * time.Second):
				t.Error("the provider goes on")
			}
		})
	}
}
