package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm/llmtest"
)

// withSDKs runs the test with each of OpenAI's own clients, each against a server
// and a provider of its own.
func withSDKs(t *testing.T, test func(t *testing.T, at *sdkScene)) {
	t.Helper()
	for name, calls := range sdks() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			scene := &sdkScene{t: t, name: name, router: llmtest.New(t), sdk: calls}
			scene.server = onSQLite(t).start(t, append(openRouter(scene.router), "TITLES=false", "LLM_TRIES=1")...)
			scene.user = scene.server.register("ada")
			scene.key = want[struct{ Key string }](scene.user, http.StatusCreated, http.MethodPost, "/api/v1/auth/api-keys",
				map[string]any{"name": "sdk", "scopes": []string{"chat"}}).Key
			test(t, scene)
		})
	}
}

type sdkScene struct {
	t      *testing.T
	name   string
	router *llmtest.Router
	server *process
	user   *client
	sdk    sdk
	key    string // a personal API key
}

// call makes one call.
func (s *sdkScene) call(call sdkCall) sdkHeard {
	s.t.Helper()
	return s.sdk(s.t, s.server.URL+"/api/v1", s.key, call)[0]
}

// asked is the body of the newest request to the provider.
func (s *sdkScene) asked() map[string]any {
	s.t.Helper()
	all := s.router.Exchanges()
	decoder := json.NewDecoder(bytes.NewReader(all[len(all)-1].Body))
	decoder.UseNumber()
	var body map[string]any
	if err := decoder.Decode(&body); err != nil {
		s.t.Fatal(err)
	}
	return body
}

const mini = "openai/gpt-4o-mini"

// hello is a request; more goes into it.
func hello(more map[string]any) map[string]any {
	request := map[string]any{"model": mini, "messages": []any{map[string]any{"role": "user", "content": "Hi"}}}
	maps.Copy(request, more)
	return request
}

// plain is a value as JSON makes it.
func plain(t *testing.T, value any) any {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var made any
	if err := decoder.Decode(&made); err != nil {
		t.Fatal(err)
	}
	return made
}

func wholeAnswer(message, finish string) llmtest.Step {
	return llmtest.Reply(http.StatusOK, "application/json", `{"id":"gen-1","object":"chat.completion","created":1732000000,"model":"m","choices":[{"index":0,"message":`+
		message+`,"finish_reason":"`+finish+`"}],"usage":{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8}}`)
}

func TestOpenAIClientsListModels(t *testing.T) {
	t.Parallel()
	withSDKs(t, func(t *testing.T, at *sdkScene) {
		if heard := at.call(sdkCall{Do: "models"}); !slices.Contains(heard.Models, mini) || !slices.Contains(heard.Models, chat.DemoModelID) {
			t.Errorf("the list is %+v", heard)
		}
		if heard := at.call(sdkCall{Do: "model", ID: mini}); !slices.Equal(heard.Models, []string{mini}) {
			t.Errorf("one is %+v, %+v", heard, heard.Error)
		}
		if heard := at.call(sdkCall{Do: "model", ID: "openai/gpt-9"}); heard.Error == nil || heard.Error.Status != http.StatusNotFound {
			t.Errorf("one that is not there is %+v", heard)
		}
		at.key = at.user.session.AccessToken
		if heard := at.call(sdkCall{Do: "model", ID: mini}); !slices.Equal(heard.Models, []string{mini}) {
			t.Errorf("with an access token: %+v", heard.Error)
		}
	})
}

func TestOpenAIClientsGetAnswers(t *testing.T) {
	t.Parallel()
	requests := map[string]map[string]any{
		"plain": hello(map[string]any{"temperature": 0.25, "max_completion_tokens": 100, "seed": 9007199254740991, "stop": []any{"x"}}),
		"schema": hello(map[string]any{"response_format": map[string]any{"type": "json_schema", "json_schema": map[string]any{
			"name": "city", "strict": true, "schema": map[string]any{"type": "object", "properties": map[string]any{"name": map[string]any{"type": "string"}}},
		}}}),
		"image": hello(map[string]any{"messages": []any{map[string]any{"role": "user", "content": []any{
			map[string]any{"type": "text", "text": "What is this?"},
			map[string]any{"type": "image_url", "image_url": map[string]any{"url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"}},
		}}}}),
	}
	withSDKs(t, func(t *testing.T, at *sdkScene) {
		for name, request := range requests {
			want, _ := plain(t, request).(map[string]any)
			at.router.Script(wholeAnswer(`{"role":"assistant","content":"Hello"}`, "stop"))
			if heard := at.call(sdkCall{Do: "whole", Request: request}); heard.Content != "Hello" || heard.Finish != "stop" || heard.Total != 8 {
				t.Errorf("%s, whole: %+v, %+v", name, heard, heard.Error)
			}
			want["stream"] = false
			if got := at.asked(); !reflect.DeepEqual(got, want) {
				t.Errorf("%s, whole: asked for\n%v\nwant\n%v", name, got, want)
			}
			request = maps.Clone(request)
			request["stream_options"] = map[string]any{"include_usage": true}
			at.router.Script(llmtest.Comment("PROCESSING"), llmtest.Text("Hel", "lo"), llmtest.Finish("stop"), llmtest.Usage(3, 5, 0, "0.1"), llmtest.Done())
			if heard := at.call(sdkCall{Do: "stream", Request: request}); heard.Content != "Hello" || heard.Finish != "stop" || heard.Total != 8 || heard.Chunks != 4 {
				t.Errorf("%s, streamed: %+v, %+v", name, heard, heard.Error)
			}
			want["stream"], want["stream_options"] = true, map[string]any{"include_usage": true}
			if got := at.asked(); !reflect.DeepEqual(got, want) {
				t.Errorf("%s, streamed: asked for\n%v\nwant\n%v", name, got, want)
			}
		}
	})
}

func TestOpenAIClientsCallTools(t *testing.T) {
	t.Parallel()
	request := hello(map[string]any{"tools": []any{map[string]any{"type": "function", "function": map[string]any{
		"name": "weather", "parameters": map[string]any{"type": "object", "properties": map[string]any{"city": map[string]any{"type": "string"}}},
	}}}})
	piece := func(piece string) llmtest.Step {
		return llmtest.Chunk(`{"id":"gen-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":` + piece + `,"finish_reason":null}]}`)
	}
	withSDKs(t, func(t *testing.T, at *sdkScene) {
		for _, streams := range []bool{false, true} {
			if streams {
				at.router.Script(piece(`{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"weather","arguments":""}}]}`),
					piece(`{"tool_calls":[{"index":0,"function":{"arguments":"{\"city\":"}}]}`), piece(`{"tool_calls":[{"index":0,"function":{"arguments":"\"Bern\"}"}}]}`),
					llmtest.Chunk(`{"id":"gen-1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}`), llmtest.Done())
				at.router.Script(llmtest.Text("Rain"), llmtest.Finish("stop"), llmtest.Done())
			} else {
				at.router.Script(wholeAnswer(`{"role":"assistant","content":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Bern\"}"}}]}`, "tool_calls"))
				at.router.Script(wholeAnswer(`{"role":"assistant","content":"Rain"}`, "stop"))
			}
			heard := at.call(sdkCall{Do: "tools", Request: request, Streams: streams, Result: "It rains."})
			if heard.Content != "Rain" || !slices.Equal(heard.Calls, []sdkToolCall{{"call_1", "weather", `{"city":"Bern"}`}}) {
				t.Errorf("streamed %t: %+v, %+v", streams, heard, heard.Error)
			}
			body := at.asked()
			turns, _ := body["messages"].([]any)
			if len(turns) != 3 || !reflect.DeepEqual(turns[2], plain(t, map[string]any{"role": "tool", "tool_call_id": "call_1", "content": "It rains."})) ||
				!strings.Contains(fmt.Sprint(turns[1]), `arguments:{"city":"Bern"}`) || !reflect.DeepEqual(body["tools"], plain(t, request["tools"])) {
				t.Errorf("streamed %t: asked for %v", streams, body)
			}
		}
	})
}

func TestOpenAIClientsAreToldOfErrors(t *testing.T) {
	t.Parallel()
	status := func(code int) llmtest.Step { return llmtest.ErrorStatus(code, "Oh no.", "7") }
	withSDKs(t, func(t *testing.T, at *sdkScene) {
		for _, test := range []struct {
			name              string
			script            llmtest.Step // nil if the provider is not asked
			model             string
			status            int
			class, code, kind string
		}{
			{"no such model", nil, "openai/gpt-9", 400, "BadRequestError", "model_not_found", "invalid_request_error"},
			{"our key", status(401), mini, 502, "InternalServerError", "upstream_auth", "server_error"},
			{"the request", status(400), mini, 400, "BadRequestError", "upstream_rejected", "invalid_request_error"},
			{"limited", status(429), mini, 429, "RateLimitError", "upstream_busy", "rate_limit_error"},
			{"broken", status(500), mini, 502, "InternalServerError", "upstream_error", "server_error"},
		} {
			for _, form := range []string{"whole", "stream"} {
				if test.script != nil {
					at.router.Script(test.script)
				}
				heard := at.call(sdkCall{Do: form, Request: hello(map[string]any{"model": test.model})})
				got := heard.Error
				if got == nil || got.Status != test.status || got.Code != test.code || got.Type != test.kind || at.name == "node" && got.Class != test.class ||
					(got.RetryAfter == "7") != (test.script != nil) || strings.Contains(got.Message, "sk-or-secret") {
					t.Errorf("%s, %s: %+v", test.name, form, got)
				}
			}
		}
		for name, end := range map[string]llmtest.Step{"error": llmtest.ErrorChunk("502", "Gone."), "cut": llmtest.Cut(), "end": llmtest.Done()} {
			at.router.Script(llmtest.Text("Hel"), end)
			heard := at.call(sdkCall{Do: "stream", Request: hello(nil)})
			if heard.Content != "Hel" || heard.Error == nil || !strings.Contains(heard.Error.Message, "The model provider") ||
				at.name == "node" && (heard.Error.Class != "APIError" || heard.Error.Code != "upstream_error") {
				t.Errorf("%s in mid-stream: %+v, %+v", name, heard, heard.Error)
			}
		}
		at.key = "wrong"
		for _, form := range []string{"whole", "models"} {
			heard := at.call(sdkCall{Do: form, Request: hello(nil)})
			if heard.Error == nil || heard.Error.Status != http.StatusUnauthorized || at.name == "node" && heard.Error.Class != "AuthenticationError" {
				t.Errorf("without a token, %s: %+v", form, heard.Error)
			}
		}
	})
}

func TestOpenAIClientsLeave(t *testing.T) {
	t.Parallel()
	withSDKs(t, func(t *testing.T, at *sdkScene) {
		at.router.Script(llmtest.Text("Hel"), llmtest.Hang())
		if heard := at.call(sdkCall{Do: "stream", Request: hello(nil), LeaveAfter: 1}); heard.Content != "Hel" {
			t.Errorf("%+v, %+v", heard, heard.Error)
		}
		select {
		case <-at.router.Exchanges()[0].Gone:
		case <-time.After(limit):
			t.Error("the provider goes on")
		}
	})
}

func TestOpenAIClientsKeepAnswers(t *testing.T) {
	t.Parallel()
	withSDKs(t, func(t *testing.T, at *sdkScene) {
		conversation := at.user.conversation()
		request := hello(map[string]any{"store": true, "metadata": map[string]any{"conversation_id": conversation.ID}})
		at.router.Script(llmtest.Text("Hel", "lo"), llmtest.Finish("stop"), llmtest.Usage(3, 5, 0, "0.1"), llmtest.Done())
		heard := at.call(sdkCall{Do: "stream", Request: request})
		if answer := at.user.message(heard.MessageID); heard.Content != "Hello" || answer.Content != "Hello" || answer.Status != chat.StatusComplete {
			t.Errorf("streamed %+v, %+v is kept as %+v", heard, heard.Error, answer)
		}
		key := map[string]string{"Idempotency-Key": "again"}
		at.router.Script(wholeAnswer(`{"role":"assistant","content":"Whole"}`, "stop"))
		heard = at.call(sdkCall{Do: "whole", Request: request, Headers: key})
		if answer := at.user.message(heard.MessageID); heard.Content != "Whole" || answer.Content != "Whole" || answer.TokensUsed != 8 {
			t.Errorf("whole %+v, %+v is kept as %+v", heard, heard.Error, answer)
		}
		for _, form := range []string{"whole", "stream"} {
			again := at.call(sdkCall{Do: form, Request: request, Headers: key})
			if again.Content != "Whole" || again.Finish != "stop" || again.MessageID != heard.MessageID {
				t.Errorf("again, %s: %+v, %+v", form, again, again.Error)
			}
		}
		if n := len(at.router.Exchanges()); n != 2 {
			t.Errorf("the provider was asked %d times", n)
		}
		delete(request, "metadata")
		if heard := at.call(sdkCall{Do: "stream", Request: request}); heard.Error == nil || heard.Error.Status != 400 ||
			!strings.Contains(heard.Error.Message, "metadata.conversation_id") {
			t.Errorf("kept nowhere: %+v", heard.Error)
		}
	})
}
