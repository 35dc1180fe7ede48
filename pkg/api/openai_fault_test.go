package api_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"dreamchat/pkg/api"
	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/llm"
	"dreamchat/pkg/llm/llmtest"
)

// fault is the error of OpenAI's wire.
type fault struct {
	Message, Type, Code string
	Param               *string
}

func envelope(reply *apitest.Reply) fault {
	return apitest.Decode[struct{ Error fault }](reply).Error
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
		{"no object", `[]`, http.StatusBadRequest, "malformed_request", ""},
		{"too deep", `{"model":"a",` + turns + `,"x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, http.StatusBadRequest, "malformed_request", ""},
		{"invalid UTF-8", "{\"model\":\"a\xff\"," + turns + `}`, http.StatusBadRequest, "malformed_request", ""},
		{"no model", `{` + turns + `}`, http.StatusBadRequest, "validation_failed", "model"},
		{"model of a wrong type", `{"model":1,` + turns + `}`, http.StatusBadRequest, "validation_failed", "model"},
		{"unknown model", `{"model":"openai/gpt-9",` + turns + `}`, http.StatusBadRequest, "model_not_found", ""},
		{"unknown fallback", `{"model":"openai/gpt-4o-mini","models":["openai/gpt-9"],` + turns + `}`, http.StatusBadRequest, "model_not_found", ""},
		{"too many fallbacks", `{"model":"openai/gpt-4o-mini","models":["a","b","c","d","e","f"],` + turns + `}`, http.StatusBadRequest, "validation_failed", "models"},
		{"no messages", `{"model":"a"}`, http.StatusBadRequest, "validation_failed", "messages"},
		{"empty messages", `{"model":"a","messages":[]}`, http.StatusBadRequest, "validation_failed", "messages"},
		{"too many messages", `{"model":"a","messages":[` + strings.Repeat(`{"role":"user","content":""},`, 1000) + `{"role":"user"}]}`, http.StatusBadRequest, "validation_failed", "messages"},
		{"no role", `{"model":"a","messages":[{"content":"x"}]}`, http.StatusBadRequest, "validation_failed", "messages"},
		{"too warm", `{"model":"a","temperature":2.1,` + turns + `}`, http.StatusBadRequest, "validation_failed", "temperature"},
		{"no tokens", `{"model":"a","max_tokens":0,` + turns + `}`, http.StatusBadRequest, "validation_failed", "max_tokens"},
		{"too many answers", `{"model":"a","n":9,` + turns + `}`, http.StatusBadRequest, "validation_failed", "n"},
		{"stream of a wrong type", `{"model":"a","stream":"yes",` + turns + `}`, http.StatusBadRequest, "validation_failed", "stream"},
		{"options of a wrong type", `{"model":"a","stream_options":[],` + turns + `}`, http.StatusBadRequest, "validation_failed", "stream_options"},
		{"kept nowhere", `{"model":"a","store":true,` + turns + `}`, http.StatusBadRequest, "validation_failed", "metadata.conversation_id"},
		{"kept several times", `{"model":"a","store":true,"n":2,"metadata":{"conversation_id":"c"},` + turns + `}`, http.StatusBadRequest, "validation_failed", "n"},
		{"kept in nothing", `{"model":"a","store":true,"metadata":{"conversation_id":"c"},` + turns + `}`, http.StatusNotFound, "not_found", ""},
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

func TestCompletionFailsWithARealStatusBeforeTheFirstWord(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Silence: 300 * time.Millisecond, Change: func(server *api.Server) {
		server.Models.Providers["openrouter"].(*llm.Client).Whole = 300 * time.Millisecond
	}})
	user := s.User()
	status := func(code int) []llmtest.Step { return []llmtest.Step{llmtest.ErrorStatus(code, "Oh no.", "7")} }
	for _, test := range []struct {
		name       string
		script     []llmtest.Step
		status     int
		code, kind string
		retryAfter string
		words      bool // whether the provider's are told
	}{
		{"the request", status(400), http.StatusBadRequest, "upstream_rejected", "invalid_request_error", "7", true},
		{"nothing there", status(404), http.StatusNotFound, "upstream_rejected", "invalid_request_error", "7", true},
		{"too long", status(413), http.StatusRequestEntityTooLarge, "upstream_rejected", "invalid_request_error", "7", true},
		{"breaks a rule", status(422), http.StatusUnprocessableEntity, "upstream_rejected", "invalid_request_error", "7", true},
		{
			"moderation",
			[]llmtest.Step{llmtest.Reply(403, "application/json", `{"error":{"code":403,"message":"Oh no.","metadata":{"reasons":["x"]}}}`)},
			http.StatusBadRequest, "upstream_rejected", "invalid_request_error", "", true,
		},
		{"our key", status(401), http.StatusBadGateway, "upstream_auth", "server_error", "7", false},
		{"our rights", status(403), http.StatusBadGateway, "upstream_auth", "server_error", "7", false},
		{"our credit", status(402), http.StatusBadGateway, "upstream_rejected", "server_error", "7", true},
		{"limited", status(429), http.StatusTooManyRequests, "upstream_busy", "rate_limit_error", "7", true},
		{"overloaded", status(503), http.StatusServiceUnavailable, "upstream_busy", "server_error", "7", true},
		{"broken", status(500), http.StatusBadGateway, "upstream_error", "server_error", "7", true},
		{"cut off", []llmtest.Step{llmtest.Cut()}, http.StatusBadGateway, "upstream_error", "server_error", "", false},
		{"silence", []llmtest.Step{llmtest.Silence()}, http.StatusGatewayTimeout, "upstream_timeout", "server_error", "", false},
	} {
		for name, request := range map[string]any{"streamed": streamed(true), "whole": completion(apitest.Model, "Hi")} {
			t.Run(test.name+", "+name, func(t *testing.T) {
				s.Router.Script(test.script...)
				reply := user.In(t).Post(completions, request).Status(test.status)
				got := envelope(reply)
				if got.Code != test.code || got.Type != test.kind || strings.Contains(got.Message, "Oh no.") != test.words {
					t.Errorf("the error is %+v", got)
				}
				if got := reply.Header.Get("Retry-After"); got != test.retryAfter {
					t.Errorf("Retry-After is %q", got)
				}
			})
		}
	}
}

func TestCompletionOfWhatIsNoAnswer(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := s.User()
	whole, stream := completion(apitest.Model, "Hi"), streamed(true)
	reply := func(body string) llmtest.Step { return llmtest.Reply(http.StatusOK, "application/json", body) }
	for _, test := range []struct {
		name    string
		request any
		script  []llmtest.Step
		status  int
	}{
		{"error in the first chunk", stream, []llmtest.Step{llmtest.ErrorChunk("502", "Gone.")}, http.StatusBadGateway},
		{"error after signs of life", stream, []llmtest.Step{llmtest.Chunk(roleChunk), llmtest.ErrorChunk("429", "Gone.")}, http.StatusTooManyRequests},
		{"an end after signs of life", stream, []llmtest.Step{llmtest.Chunk(roleChunk), llmtest.Done()}, http.StatusBadGateway},
		{"error in a whole one", whole, []llmtest.Step{reply(`{"error":{"code":400,"message":"Gone."}}`)}, http.StatusBadRequest},
		{"error in a choice", whole, []llmtest.Step{reply(`{"choices":[{"error":{"code":502,"message":"Gone."},"message":{"content":"a"}}]}`)}, http.StatusBadGateway},
		{"no choices", whole, []llmtest.Step{reply(`{"choices":[]}`)}, http.StatusBadGateway},
		{"no JSON", whole, []llmtest.Step{reply(`<html>`)}, http.StatusBadGateway},
		{"half of one", whole, []llmtest.Step{reply(`{"choices":[{`)}, http.StatusBadGateway},
		{"too much", whole, []llmtest.Step{reply(`{"choices":[{"message":{"content":"` + strings.Repeat("x", 16<<20) + `"}}]}`)}, http.StatusBadGateway},
	} {
		t.Run(test.name, func(t *testing.T) {
			s.Router.Script(test.script...)
			user.In(t).Post(completions, test.request).Status(test.status)
		})
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
		"done without a reason":    llmtest.Done(),
	} {
		t.Run(name, func(t *testing.T) {
			got := relayed(t, s, user, streamed(true), llmtest.Chunk(textChunk), llmtest.Chunk(callChunk), end)
			var last struct{ Error *fault }
			if len(got) != 3 || got[0] != textChunk || got[1] != callChunk || json.Unmarshal([]byte(got[2]), &last) != nil ||
				last.Error == nil || last.Error.Code != "upstream_error" {
				t.Errorf("the chunks are %q", got)
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
