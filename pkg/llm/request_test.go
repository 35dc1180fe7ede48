package llm_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm"
	"dreamchat/pkg/llm/llmtest"
)

// wire is what a kind of provider is sent for the same request, to the last byte.
type wire struct {
	name    string
	change  func(*llm.Client)
	request chat.Request
	body    string
	header  string
}

func wires() []wire {
	warmth, most := 0.7, 100
	full := chat.Request{
		ModelID: "openai/gpt-4o-mini",
		Messages: []chat.Turn{
			{Role: chat.RoleSystem, Content: "Be \"brief\""},
			{Role: chat.RoleAssistant, Content: "Hi", ReasoningDetails: `[{"type":"reasoning.text","text":"H\u00e9","index":0}]`},
			{Role: chat.RoleUser, Content: "Zoë 🙂"},
		},
		Temperature: &warmth,
		MaxTokens:   &most,
		Session:     "conversation-1",
	}
	const plain = `{"model":"openai/gpt-4o-mini","messages":[{"role":"system","content":"Be \"brief\""},` +
		`{"role":"assistant","content":"Hi"},{"role":"user","content":"Zoë 🙂"}],` +
		`"stream":true,"stream_options":{"include_usage":true},"temperature":0.7,"max_tokens":100}`
	const question = `{"model":"m","messages":[{"role":"user","content":"Hi"}],"stream":true,"stream_options":{"include_usage":true}}`
	return []wire{
		{
			"OpenRouter", func(*llm.Client) {}, full,
			`{"model":"openai/gpt-4o-mini","messages":[{"role":"system","content":"Be \"brief\""},` +
				`{"role":"assistant","content":"Hi","reasoning_details":[{"type":"reasoning.text","text":"H\u00e9","index":0}]},` +
				`{"role":"user","content":"Zoë 🙂"}],` +
				`"stream":true,"stream_options":{"include_usage":true},"temperature":0.7,"max_tokens":100,"session_id":"conversation-1"}`,
			"Accept: text/event-stream; Authorization: Bearer " + key + "; Content-Type: application/json; " +
				"Http-Referer: https://chat.example; User-Agent: dreamchat; X-Openrouter-Title: Dreamchat; X-Title: Dreamchat; ",
		},
		{
			"OpenRouter, without a name", func(c *llm.Client) { c.AppURL, c.AppTitle = "", "" }, ask("m", "Hi"), question,
			"Accept: text/event-stream; Authorization: Bearer " + key + "; Content-Type: application/json; User-Agent: dreamchat; ",
		},
		{
			"Ollama", func(c *llm.Client) { c.OpenRouter, c.Key = false, "" }, full, plain,
			"Accept: text/event-stream; Content-Type: application/json; User-Agent: dreamchat; ",
		},
		{
			"another server", func(c *llm.Client) { c.OpenRouter = false }, full, plain,
			"Accept: text/event-stream; Authorization: Bearer " + key + "; Content-Type: application/json; User-Agent: dreamchat; ",
		},
	}
}

func TestRequest(t *testing.T) {
	t.Parallel()
	for _, tt := range wires() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			router := llmtest.New(t)
			client := clientOf(t, router)
			tt.change(client)
			client.BaseURL += "/" // as people write it
			if got := listen(client.Complete(t.Context(), tt.request)); got.err != nil {
				t.Fatal(got.err)
			}
			sent := await(t, router, 1)
			if string(sent.Body) != tt.body {
				t.Errorf("body\n%s\nwant\n%s", sent.Body, tt.body)
			}
			if got := inLine(sent.Header); got != tt.header || sent.Path != "/v1/chat/completions" {
				t.Errorf("to %s with\n%s\nwant\n%s", sent.Path, got, tt.header)
			}
		})
	}
}

func inLine(header http.Header) string {
	var line strings.Builder
	for _, name := range slices.Sorted(maps.Keys(header)) {
		if name == "Content-Length" {
			continue // counts the body
		}
		fmt.Fprintf(&line, "%s: %s; ", name, strings.Join(header[name], ", "))
	}
	return line.String()
}
