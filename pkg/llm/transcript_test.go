package llm_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"dreamchat/pkg/llm"
	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/problem"
)

type transcript struct {
	name, stream string
	want         heard
	fails        problem.Kind // 0 for no failure
}

func chunkOf(choice string) string { return `data: {"id":"gen-1","choices":[` + choice + "]}\n\n" }

func textOf(content string) string {
	return chunkOf(`{"index":0,"delta":{"content":"` + content + `"}}`)
}

const (
	finished = `data: {"id":"gen-1","choices":[{"delta":{},"finish_reason":"stop"}]}` + "\n\n"
	done     = "data: [DONE]\n\n"
)

//nolint:gochecknoglobals // a table that tests share
var transcripts = []transcript{
	{
		name: "OpenRouter", stream: ": OPENROUTER PROCESSING\n\n" +
			`data: {"id":"gen-1","provider":"OpenAI","model":"openai/gpt-4o-mini","object":"chat.completion.chunk","created":1,"choices":[{"index":0,"delta":{"role":"assistant","content":"Hello"},"finish_reason":null,"native_finish_reason":null,"logprobs":null}]}` + "\n\n" +
			": OPENROUTER PROCESSING\n\n" +
			`data: {"id":"gen-1","provider":"OpenAI","model":"openai/gpt-4o-mini","object":"chat.completion.chunk","created":1,"choices":[{"index":0,"delta":{"role":"assistant","content":" world"},"finish_reason":null}]}` + "\n\n" +
			`data: {"id":"gen-1","provider":"OpenAI","model":"openai/gpt-4o-mini","object":"chat.completion.chunk","created":1,"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":"stop","native_finish_reason":"stop"}]}` + "\n\n" +
			`data: {"id":"gen-1","provider":"OpenAI","model":"openai/gpt-4o-mini","object":"chat.completion.chunk","created":1,"choices":[],"usage":{"prompt_tokens":8,"completion_tokens":3,"total_tokens":11,"cost":2.97e-06,"is_byok":false,"prompt_tokens_details":{"cached_tokens":0},"cost_details":{"upstream_inference_cost":null},"completion_tokens_details":{"reasoning_tokens":0}}}` + "\n\n" + done,
		want: heard{text: "Hello world", generation: "gen-1", model: "openai/gpt-4o-mini", finish: "stop", usage: "8+3(0)=11, 0.00000297"},
	},
	{
		name: "usage with the last choice", stream: textOf("Hi") +
			`data: {"id":"gen-1","choices":[{"delta":{"content":""},"finish_reason":"length"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"cost":"0.10"}}` + "\n\n" + done,
		want: heard{text: "Hi", generation: "gen-1", finish: "length", usage: "1+2(0)=3, 0.1"},
	},
	{
		name: "usage in every chunk", stream: `data: {"choices":[{"delta":{"content":"a"}}],"usage":{"completion_tokens":1}}` + "\n\n" +
			`data: {"choices":[{"delta":{"content":"b"},"finish_reason":"stop"}],"usage":{"completion_tokens":2}}` + "\n\n" + done,
		want: heard{text: "ab", finish: "stop", usage: "0+2(0)=2, untold"},
	},
	{
		name: "names and counts without measure", stream: `data: {"id":"` + strings.Repeat("g", 400) + `","choices":[{"delta":{"content":"a"},"finish_reason":"stop"}],` +
			`"usage":{"prompt_tokens":9000000000000000000,"completion_tokens":9000000000000000000,"total_tokens":9000000000000000000}}` + "\n\n" + done,
		want: heard{
			text: "a", generation: strings.Repeat("g", 299) + "…", finish: "stop",
			usage: "1000000000+1000000000(0)=2000000000, untold",
		},
	},
	{
		name: "Ollama", stream: `data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"llama3.1","system_fingerprint":"fp_ollama","choices":[{"index":0,"delta":{"role":"assistant","content":"Hi"},"finish_reason":null}],"usage":null}` + "\n\n" +
			`data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"llama3.1","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":"stop"}]}` + "\n\n" +
			`data: {"id":"chatcmpl-1","model":"llama3.1","choices":[],"usage":{"prompt_tokens":26,"completion_tokens":2,"total_tokens":28}}` + "\n\n" + done,
		want: heard{text: "Hi", generation: "chatcmpl-1", model: "llama3.1", finish: "stop", usage: "26+2(0)=28, untold"},
	},
	{
		name: "reasoning of OpenRouter", stream: chunkOf(`{"delta":{"content":"","reasoning":"Hm","reasoning_details":[{"type":"reasoning.text","text":"Hm"}]}}`) + textOf("Hi") + finished + done,
		want: heard{reasoning: "Hm", text: "Hi", generation: "gen-1", finish: "stop"},
	},
	{
		name: "reasoning of others", stream: chunkOf(`{"delta":{"content":null,"reasoning_content":"Hm"}}`) + textOf("Hi") + finished + done,
		want: heard{reasoning: "Hm", text: "Hi", generation: "gen-1", finish: "stop"},
	},
	{
		name: "CRLF and no DONE", stream: strings.ReplaceAll(textOf("Hi")+finished, "\n", "\r\n"),
		want: heard{text: "Hi", generation: "gen-1", finish: "stop"},
	},
	{
		name: "no space after the colon, empty data", stream: "data:\n\n" + strings.ReplaceAll(textOf("Hi")+finished+done, "data: ", "data:"),
		want: heard{text: "Hi", generation: "gen-1", finish: "stop"},
	},
	{
		name: "a pair of surrogates in two chunks", stream: textOf(`a\ud83d`) + textOf(`\ude00b`) + finished + done,
		want: heard{text: "a😀b", generation: "gen-1", finish: "stop"},
	},
	{
		name: "a rune in two chunks", stream: textOf("a\xf0\x9f") + textOf("\x98\x80b") + finished + done,
		want: heard{text: "a😀b", generation: "gen-1", finish: "stop"},
	},
	{
		name: "halves of two texts", stream: textOf(`a\ud83d`) + chunkOf(`{"delta":{"reasoning":"\ude00"}}`) + textOf(`\ude00`) + finished + done,
		want: heard{text: "a😀", reasoning: "\ufffd", generation: "gen-1", finish: "stop"},
	},
	{
		name: "a half at the end", stream: textOf(`a\ud83d`) + finished + done,
		want: heard{text: "a\ufffd", generation: "gen-1", finish: "stop"},
	},
	{
		name: "NUL", stream: textOf(`a\u0000b`) + finished + done,
		want: heard{text: "a\ufffdb", generation: "gen-1", finish: "stop"},
	},
	{
		name: "another reason", stream: textOf("Hi") + strings.ReplaceAll(finished, "stop", "tool_calls") + done,
		want: heard{text: "Hi", generation: "gen-1", finish: "tool_calls"},
	},
	{
		name: "the reason twice", stream: textOf("Hi") + finished + finished + done,
		want: heard{text: "Hi", generation: "gen-1", finish: "stop"},
	},
	{
		name: "broken off", stream: textOf("Hel"), fails: problem.Upstream,
		want: heard{text: "Hel", generation: "gen-1"},
	},
	{
		name: "broken off in a chunk", stream: textOf("Hel") + textOf("lo")[:30], fails: problem.Upstream,
		want: heard{text: "Hel", generation: "gen-1"},
	},
	{
		name: "DONE without a reason", stream: textOf("Hel") + done, fails: problem.Upstream,
		want: heard{text: "Hel", generation: "gen-1"},
	},
	{name: "nothing", fails: problem.Upstream},
	{
		name: "an error in the stream", stream: textOf("Hel") + `data: {"id":"gen-1","error":{"code":"server_error","message":"Provider disconnected"},"choices":[{"index":0,"delta":{"content":""},"finish_reason":"error"}]}` + "\n\n",
		fails: problem.Upstream, want: heard{text: "Hel", generation: "gen-1"},
	},
	{name: "an error with a status", stream: `data: {"error":{"code":429,"message":"Slow down"}}` + "\n\n", fails: problem.UpstreamBusy},
	{name: "an error of the newer shape", stream: `data: {"error":{"message":"Slow","error_type":"timeout","http_status":504},"choices":[]}` + "\n\n", fails: problem.UpstreamTimeout},
	{name: "an error as a string", stream: `data: {"error":"model crashed"}` + "\n\n", fails: problem.Upstream},
	{
		name: "an error in the choice", stream: chunkOf(`{"delta":{"content":"H"},"finish_reason":"error","error":{"code":"502"}}`), fails: problem.Upstream,
		want: heard{text: "H", generation: "gen-1"},
	},
	{
		name: "the reason is error", stream: chunkOf(`{"delta":{"content":"H"},"finish_reason":"error"}`), fails: problem.Upstream,
		want: heard{text: "H", generation: "gen-1"},
	},
	{
		name: "an error behind the finish", stream: textOf("Hi") + finished + `data: {"error":{"code":502}}` + "\n\n" +
			`data: {"choices":[],"usage":{"prompt_tokens":5}}` + "\n\n" + "data: {\n\n",
		want: heard{text: "Hi", generation: "gen-1", finish: "stop", usage: "5+0(0)=5, untold"},
	},
	{
		name: "usage before an error", stream: `data: {"choices":[],"usage":{"prompt_tokens":5}}` + "\n\n" + `data: {"error":{"code":502}}` + "\n\n", fails: problem.Upstream,
		want: heard{usage: "5+0(0)=5, untold"},
	},
	{
		name: "not JSON", stream: textOf("Hel") + "data: <html>\n\n", fails: problem.Upstream,
		want: heard{text: "Hel", generation: "gen-1"},
	},
	{name: "too large", stream: "data: " + strings.Repeat("x", 2<<20), fails: problem.Upstream},
}

func (want transcript) check(t *testing.T, got heard) {
	t.Helper()
	if (got.err != nil) != (want.fails != 0) || got.err != nil && problemOf(t, got.err).Kind != want.fails {
		t.Errorf("ended with %v, want %v", got.err, want.fails)
	}
	if got.err = nil; got != want.want {
		t.Errorf("got  %+v\nwant %+v", got, want.want)
	}
}

// canned is a transport that answers with a stream without a network.
type canned struct{ body io.Reader }

func (c canned) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK,
		Header:     http.Header{"Content-Type": {"text/event-stream; charset=utf-8"}},
		Body:       io.NopCloser(c.body),
	}, nil
}

func hear(t *testing.T, body io.Reader) heard {
	t.Helper()
	client := &llm.Client{HTTP: &http.Client{Transport: canned{body}}}
	return listen(client.Complete(t.Context(), ask("m", "Hi")))
}

func TestTranscripts(t *testing.T) {
	t.Parallel()
	for _, tt := range transcripts {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.check(t, hear(t, strings.NewReader(tt.stream)))
			tt.check(t, hear(t, iotest.DataErrReader(strings.NewReader(tt.stream))))
			if len(tt.stream) > 10_000 {
				return
			}
			tt.check(t, hear(t, iotest.OneByteReader(strings.NewReader(tt.stream))))
			for at := range tt.stream {
				tt.check(t, hear(t, io.MultiReader(strings.NewReader(tt.stream[:at]), strings.NewReader(tt.stream[at:]))))
				if t.Failed() {
					t.Fatalf("split at %d", at)
				}
			}
		})
	}
}

func TestCutConnection(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		script []llmtest.Step
		fails  problem.Kind
	}{
		{"at once", []llmtest.Step{llmtest.Cut()}, problem.Upstream},
		{"before a chunk", []llmtest.Step{llmtest.Comment("x"), llmtest.Cut()}, problem.Upstream},
		{"after a chunk", []llmtest.Step{llmtest.Text("Hel"), llmtest.Cut()}, problem.Upstream},
		{"after the finish", []llmtest.Step{llmtest.Text("Hello"), llmtest.Finish("stop"), llmtest.Cut()}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			router := llmtest.New(t)
			router.Script(tt.script...)
			got := listen(clientOf(t, router).Complete(t.Context(), ask("m", "Hi")))
			if (got.err != nil) != (tt.fails != 0) || got.err != nil && problemOf(t, got.err).Kind != tt.fails {
				t.Errorf("ended with %v", got.err)
			}
		})
	}
}

func TestProviderThatIsAway(t *testing.T) {
	t.Parallel()
	router := llmtest.New(t)
	client := clientOf(t, router)
	client.BaseURL = "http://127.0.0.1:1/v1"
	got := listen(client.Complete(t.Context(), ask("m", "Hi")))
	if problemOf(t, got.err).Kind != problem.Upstream {
		t.Errorf("ended with %v", got.err)
	}
}
