package api_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"dreamchat/pkg/api"
	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/chat"
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

// data are the data of a stream's events.
func data(t *testing.T, stream []byte) []string {
	t.Helper()
	reader := sse.NewReader(bytes.NewReader(stream), 1<<20)
	var all []string
	for {
		event, err := reader.Next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(event.Data))
	}
}

// relayed are the events that a client gets when the provider sends these.
func relayed(t *testing.T, s *apitest.Service, user *apitest.User, request any, script ...llmtest.Step) []string {
	t.Helper()
	s.Router.Script(script...)
	reply := user.In(t).Post(completions, request).Status(http.StatusOK)
	if got := reply.Header.Get("Content-Type"); got != "text/event-stream" {
		t.Errorf("Content-Type is %q", got)
	}
	return data(t, reply.Bytes)
}

func chunksOf(texts ...string) []llmtest.Step {
	var steps []llmtest.Step
	for _, text := range texts {
		steps = append(steps, llmtest.Chunk(text))
	}
	return append(steps, llmtest.Done())
}

// What providers send that we do not know is told all the same.
const (
	roleChunk   = `{"id":"gen-1","provider":"Azure","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null,"logprobs":null}],"system_fingerprint":"fp"}`
	textChunk   = `{"id":"gen-1","choices":[{"index":0,"delta":{"content":"H\u00e9 <b>","annotations":[{"type":"url_citation"}],"reasoning_details":[{"signature":"x="}]},"logprobs":{"content":[{"logprob":-0.10}]}}],"created":1.0}`
	callChunk   = `{"id":"gen-1","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"weather","arguments":"{\"ci"}}]}}]}`
	finishChunk = `{"id":"gen-1","choices":[{"index":0,"delta":{},"finish_reason":"tool_calls","native_finish_reason":"tool_use"}]}`
	usageChunk  = `{"id":"gen-1","choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8,"cost":0.0001}}`
)

func TestCompletionIsRelayedAsTheProviderWroteIt(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := s.User()
	all := []string{roleChunk, textChunk, callChunk, finishChunk, usageChunk}
	for name, split := range map[string]int{"at once": 0, "byte by byte": 1} {
		t.Run(name, func(t *testing.T) {
			script := append([]llmtest.Step{llmtest.SplitBytes(split), llmtest.Comment("OPENROUTER PROCESSING")}, chunksOf(all...)...)
			if got := relayed(t, s, user, streamed(true), script...); !slices.Equal(got, append(slices.Clone(all), "[DONE]")) {
				t.Errorf("with usage:\n%s", strings.Join(got, "\n"))
			}
			if got := relayed(t, s, user, streamed(false), script...); !slices.Equal(got, append(slices.Clone(all[:4]), "[DONE]")) {
				t.Errorf("without usage:\n%s", strings.Join(got, "\n"))
			}
		})
	}
	for name, test := range map[string]struct{ sent, want string }{
		"usage beside a choice": {
			`{"choices":[{"index":0,"delta":{"content":"<"},"finish_reason":"stop"}],"usage":{"total_tokens":1},"id":"g"}`,
			`{"choices":[{"index":0,"delta":{"content":"<"},"finish_reason":"stop"}],"id":"g"}`,
		},
		"two lines": {"{\"choices\":[{\"index\":0,\ndata: \"delta\":{},\"finish_reason\":\"stop\"}]}", `{"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := relayed(t, s, user, streamed(false), chunksOf(test.sent)...); !slices.Equal(got, []string{test.want, "[DONE]"}) {
				t.Errorf("%q", got)
			}
		})
	}
}

func TestCompletionOfSeveralChoices(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := s.User()
	request := streamed(false)
	request["n"] = 2
	first, second := `{"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}`, `{"choices":[{"index":1,"delta":{"content":"b"}}]}`
	end := `{"choices":[{"index":1,"delta":{},"finish_reason":"stop"}]}`
	for name, test := range map[string]struct {
		sent []string
		done bool
	}{
		"both":       {[]string{first, second, end}, true},
		"one broken": {[]string{first, second}, false},
		"only one":   {[]string{first}, true},
	} {
		t.Run(name, func(t *testing.T) {
			got := relayed(t, s, user, request, chunksOf(test.sent...)...)
			if !slices.Equal(got[:len(test.sent)], test.sent) || (got[len(got)-1] == "[DONE]") != test.done || len(got) != len(test.sent)+1 {
				t.Errorf("%q", got)
			}
		})
	}
}

func TestCompletionInOnePiece(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		body := `{"id":"gen-1","object":"chat.completion","provider":"Azure","created":1732000000,"model":"m","choices":[{"index":0,"message":` +
			`{"role":"assistant","content":null,"refusal":null,"tool_calls":[{"id":"call_1","type":"function","function":{"name":"weather","arguments":"{}"}}]},` +
			`"finish_reason":"tool_calls","logprobs":null}],"usage":{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8,"cost":1.10e-5},"x":[1.0]}`
		s.Router.Script(llmtest.Reply(http.StatusOK, "application/json", "\n   \n"+body+"\n"))
		reply := user.Post(completions, completion(apitest.Model, "Hi")).Status(http.StatusOK)
		if string(reply.Bytes) != body {
			t.Errorf("the answer is %s", reply.Bytes)
		}
		if page := list(user, ""); page.Total != 0 {
			t.Errorf("%d conversations came of it", page.Total)
		}
		if sums := usage(user, ""); sums.Total.Messages != 1 || sums.Total.TokensUsed != 8 || sums.Total.Cost != "0.000011" {
			t.Errorf("it counts as %+v", sums.Total)
		}
	})
}

// exact reads JSON with its numbers as they are written.
func exact(t *testing.T, text []byte) any {
	t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return value
}

func TestCompletionAsksTheProviderAsItWasAsked(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := s.User()
	same := `"seed":12345678901234567890,"temperature":0.70,"top_p":1.0,"max_tokens":7,"n":1,"user":"x<y","stop":["\u0000"],"logit_bias":{"50256":-100},` +
		`"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{"a":{"type":"number","minimum":1e-7}}}}}],` +
		`"response_format":{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":{}}},"provider":{"order":["a"]},"session_id":"mine",` +
		`"messages":[{"role":"developer","content":"Be kind.","name":"x"},{"role":"user","content":[{"type":"text","text":"Hi"},{"type":"image_url",` +
		`"image_url":{"url":"data:image/png;base64,AA==","detail":"low"}}]},{"role":"assistant","content":null,"tool_calls":[{"id":"call_1"}]},` +
		`{"role":"tool","tool_call_id":"call_1","content":"4"}]`
	for _, test := range []struct{ name, ours, want string }{
		{"in one piece", `"stream":false`, `"stream":false`},
		{"nulls", `"stream":null,"store":null,"metadata":null`, `"stream":false,"metadata":null`},
		{"stream", `"stream":true`, `"stream":true,"stream_options":{"include_usage":true}`},
		{"stream without usage", `"stream":true,"stream_options":{"include_usage":false,"x":1.0}`, `"stream":true,"stream_options":{"include_usage":true,"x":1.0}`},
		{"null options", `"stream":true,"stream_options":null`, `"stream":true,"stream_options":{"include_usage":true}`},
		{"not kept", `"store":false,"metadata":{"conversation_id":"c"}`, `"stream":false`},
		{"other notes", `"metadata":{"conversation_id":"c","k":"v"}`, `"stream":false,"metadata":{"k":"v"}`},
		{"look-alikes", `"Model":"other","STORE":true,"\u017ftream":true,"N":8,"MAX_TOKENS":9`, `"stream":false`},
	} {
		t.Run(test.name, func(t *testing.T) {
			asked := len(s.Router.Exchanges())
			user.In(t).Do(http.MethodPost, completions, `{"model":"`+apitest.Model+`",`+test.ours+`,`+same+`}`)
			body := s.Router.Exchanges()[asked].Body
			want := exact(t, []byte(`{"model":"`+apitest.Model+`",`+test.want+`,`+same+`}`))
			if got := exact(t, body); !reflect.DeepEqual(got, want) {
				t.Errorf("asked for\n%s\nwant\n%s", body, want)
			}
			if accept := s.Router.Exchanges()[asked].Header.Get("Accept"); strings.Contains(test.want, `"stream":true`) != (accept == "text/event-stream") {
				t.Errorf("Accept is %q", accept)
			}
		})
	}
}

func TestCompletionKeepsASilentStreamAlive(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Change: func(server *api.Server) { server.Heartbeat = 5 * time.Millisecond }})
	goOn := make(chan struct{})
	s.Router.Script(llmtest.Comment("PROCESSING"), llmtest.Text("Hel"), llmtest.Wait(goOn), llmtest.Text("lo"), llmtest.Finish("stop"), llmtest.Done())
	response := s.User().Open(t.Context(), http.MethodPost, completions, streamed(false))
	defer func() { _ = response.Body.Close() }()
	var read strings.Builder
	piece := make([]byte, 4096)
	for !strings.Contains(read.String(), ": hb\n: hb\n") {
		n, err := response.Body.Read(piece)
		read.Write(piece[:n])
		if err != nil {
			t.Fatalf("%v after %q", err, read.String())
		}
	}
	close(goOn)
	rest, err := io.ReadAll(response.Body)
	if err != nil || strings.Contains(read.String(), "PROCESSING") || !strings.HasSuffix(string(rest), "data: [DONE]\n\n") {
		t.Errorf("%v: %s%s", err, read.String(), rest)
	}
}

func TestCompletionOfTheDemoModel(t *testing.T) {
	t.Parallel()
	user := apitest.Start(t, apitest.Options{}).User()
	request := map[string]any{"model": chat.DemoModelID, "messages": []any{map[string]any{"role": "user", "content": []any{
		map[string]any{"type": "text", "text": "Why do chat servers stream?"},
		map[string]any{"type": "image_url", "image_url": map[string]any{"url": "https://example.com/a.png"}},
	}}}}
	whole := apitest.Decode[struct {
		Object  string
		Choices []struct {
			Message      struct{ Content string }
			FinishReason string `json:"finish_reason"`
		}
		Usage map[string]any
	}](user.Post(completions, request).Status(http.StatusOK))
	request["stream"] = true
	var text strings.Builder
	chunks := data(t, user.Post(completions, request).Status(http.StatusOK).Bytes)
	for _, chunk := range chunks[:len(chunks)-1] {
		var read struct {
			Choices []struct{ Delta struct{ Content string } }
		}
		if err := json.Unmarshal([]byte(chunk), &read); err != nil {
			t.Fatal(err)
		}
		text.WriteString(read.Choices[0].Delta.Content)
	}
	if got := whole.Choices[0]; got.Message.Content != text.String() || !strings.Contains(text.String(), "demo model") ||
		got.FinishReason != "stop" || whole.Object != "chat.completion" || whole.Usage["total_tokens"] == 0.0 || chunks[len(chunks)-1] != "[DONE]" {
		t.Errorf("whole %+v, streamed %q", whole, text.String())
	}
}
