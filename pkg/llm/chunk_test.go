package llm

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// said is what a chunk says, with its text made whole.
type said struct {
	ID, Model, Text, Reasoning, ReasoningContent, Finish, Usage, Fault, ChoiceFault, Details string

	CallsTool bool
}

func decoded(data []byte) (said, error) {
	c, err := new(decoder).decode(data)
	if err != nil {
		return said{}, err
	}
	whole := func(raw []byte) string {
		var m mender
		return m.mend(raw) + m.flush()
	}
	return said{
		whole(c.id), whole(c.model), whole(c.choice.text), whole(c.choice.reasoning),
		whole(c.choice.reasoningContent), whole(c.choice.finish),
		string(c.usage), string(c.fault), string(c.choice.fault), string(c.choice.details), c.choice.callsTool,
	}, nil
}

// reference reads the same with encoding/json.
func reference(data []byte) said {
	top := members(data)
	var choices []json.RawMessage
	_ = json.Unmarshal(top["choices"], &choices)
	var choice, delta map[string]json.RawMessage
	if len(choices) > 0 {
		choice = members(choices[0])
		delta = members(choice["delta"])
	}
	return said{
		text(top["id"]), text(top["model"]), text(delta["content"]), text(delta["reasoning"]),
		text(delta["reasoning_content"]), text(choice["finish_reason"]),
		notNull(top["usage"]), notNull(top["error"]), notNull(choice["error"]),
		list(delta["reasoning_details"]), list(delta["tool_calls"]) != "",
	}
}

func members(data json.RawMessage) map[string]json.RawMessage {
	var found map[string]json.RawMessage
	_ = json.Unmarshal(data, &found)
	return found
}

func text(data json.RawMessage) string {
	var s string
	_ = json.Unmarshal(data, &s)
	return strings.ReplaceAll(s, "\x00", "\ufffd")
}

func notNull(data json.RawMessage) string {
	if string(data) == "null" {
		return ""
	}
	return string(data)
}

func list(data json.RawMessage) string {
	if len(data) > len("[]") && data[0] == '[' {
		return string(data)
	}
	return ""
}

//nolint:gochecknoglobals // a table that tests share
var chunks = []string{
	`{"id":"gen-1","provider":"OpenAI","model":"openai/gpt-4o-mini","object":"chat.completion.chunk","created":1732000000,"choices":[{"index":0,"delta":{"role":"assistant","content":" world"},"finish_reason":null,"native_finish_reason":null,"logprobs":null}]}`,
	`{"id":"gen-1","choices":[{"index":0,"delta":{"content":""},"finish_reason":"stop"}],"usage":null}`,
	`{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10,"cost":0.00001234}}`,
	`{"error":{"code":502,"message":"Provider \"x\" returned error"},"choices":[{"delta":{"content":""},"finish_reason":"error"}]}`,
	`{"choices":[{"error":{"code":502},"delta":null,"finish_reason":"error"}]}`,
	`{"choices":[{"delta":{"reasoning":"Hm\u2026","reasoning_details":[{"type":"reasoning.text","text":"]}\\\""}]}}]}`,
	`{"choices":[{"delta":{"reasoning_content":"Hm"}}]}`,
	`{"choices":[{"delta":{"content":null,"tool_calls":[{"index":0,"id":"call-1","type":"function","function":{"name":"f","arguments":"{\"a\":["}}]}}]}`,
	`{"choices":[{"delta":{"tool_calls":[],"reasoning_details":[]}}]}`, `{"choices":[{"delta":{"tool_calls":null,"reasoning_details":{}}}]}`,
	` { "choices" : [ { "delta" : { "content" : "a\"\\\/\b\f\n\r\tb" } , "x" : [ 1 , -2.5e3 , true , { } , [ ] ] } , {"delta":{"content":"other"}} ] } `,
	`{"choices":[{"delta":{"content":"\ud83d\ude00 \ud83d \ude00 \ud83d\ud83d\ude00 \u0000"}}]}`,
	`{"\u0063hoices":[{"d\u0065lta":{"content":"escaped keys"}}]}`,
	`{"choices":[{"delta":{"content":"a","content":null}}],"choices":[{"delta":{"content":"b"},"delta":{}}],"id":1}`,
	`{"choices":{"delta":{}},"error":null}`, `{"choices":[[],3]}`, `{"choices":[{"delta":[]}]}`,
	`{"choices":null,"usage":[]}`, `{}`, ` {"error":"text"}`, `{"choices":[{"delta":{"content":[{"text":"part"}]}}]}`,
	`{"x":"ends in a backslash \\","choices":[{"delta":{"content":"\\"}}]}`, `{"":"","choices":[{}]}`,
	`{"choices":[{"delta":{"content":"Zoë 🙂 \u00e9"}}]}`,
}

func TestDecodeAgreesWithEncodingJSON(t *testing.T) {
	t.Parallel()
	for _, data := range chunks {
		got, err := decoded([]byte(data))
		if want := reference([]byte(data)); err != nil || got != want {
			t.Errorf("%s\ngot  %+v, %v\nwant %+v", data, got, err, want)
		}
	}
}

func TestDecodeRefusesWhatIsBroken(t *testing.T) {
	t.Parallel()
	for _, data := range []string{
		``, ` `, `x`, `null`, `[]`, `"{}"`, `{`, `{"`, `{"a`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{,}`,
		`{"a" 1}`, `{"a":}`, `{} {}`, `{}x`, `{"choices":[`, `{"choices":[{"delta":{"content":"x"}}`, `{"choices":[,]}`,
		`{"choices":[{}{}]}`, `{"choices":[{"delta":{"content":"\x"}}]}`, `{"choices":[{"delta":{"content":"\u12"}}]}`,
		`{"choices":[{"delta":{"content":"\u12g4"}}]}`, `{"choices":[{"delta":{"content":"\`, `{a:1}`, `{"a":{"b":"}`,
		`{"a":b"c"}`,
	} {
		if got, err := decoded([]byte(data)); err == nil {
			t.Errorf("%s passed as %+v", data, got)
		}
	}
	for _, data := range chunks { // every chunk cut off anywhere
		whole := strings.TrimSpace(data)
		for at := range whole {
			if got, err := decoded([]byte(whole[:at])); err == nil {
				t.Errorf("%s passed as %+v", whole[:at], got)
			}
		}
	}
}

// FuzzDecoder reads any bytes as a chunk: it ends, its texts are valid UTF-8, and what
// is JSON it reads as encoding/json does.
func FuzzDecoder(f *testing.F) {
	for _, data := range chunks {
		f.Add([]byte(data))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := decoded(data)
		for _, text := range []string{got.ID, got.Model, got.Text, got.Reasoning, got.ReasoningContent, got.Finish} {
			if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
				t.Errorf("%q gives the text %q", data, text)
			}
		}
		gathered := gather(got.Details)
		if gathered != "" && !json.Valid([]byte(gathered)) {
			t.Errorf("%q gives the details %q", data, gathered)
		}
		if !json.Valid(data) || !utf8.Valid(data) || members(data) == nil {
			return
		}
		if want := reference(data); err != nil || got != want {
			t.Errorf("%q\ngot  %+v, %v\nwant %+v", data, got, err, want)
		}
	})
}

// gather is reasoning details that come in one piece.
func gather(list string) string {
	var d details
	if list != "" {
		d.add([]byte(list))
	}
	return d.whole()
}
