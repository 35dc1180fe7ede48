package llm

import (
	"encoding/json"
	"testing"
)

const typical = `{"id":"gen-1732000000-AbCdEfGhIjKlMnOpQrSt","provider":"OpenAI","model":"openai/gpt-4o-mini",` +
	`"object":"chat.completion.chunk","created":1732000000,"choices":[{"index":0,"delta":{"role":"assistant",` +
	`"content":" world"},"finish_reason":null,"native_finish_reason":null,"logprobs":null}],"system_fingerprint":"fp_0705bf87c0"}`

func BenchmarkDecode(b *testing.B) {
	data := []byte(typical)
	b.Run("ours", func(b *testing.B) {
		b.ReportAllocs()
		var d decoder
		var m mender
		for b.Loop() {
			c, err := d.decode(data)
			if err != nil || m.mend(c.choice.text) != " world" {
				b.Fatal(err)
			}
		}
	})
	b.Run("encoding-json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var c struct {
				ID, Model string
				Choices   []struct {
					Delta        struct{ Content, Reasoning string }
					FinishReason string `json:"finish_reason"`
				}
			}
			if err := json.Unmarshal(data, &c); err != nil || c.Choices[0].Delta.Content != " world" {
				b.Fatal(err)
			}
		}
	})
	b.Run("copy", func(b *testing.B) {
		b.ReportAllocs()
		into := make([]byte, len(data))
		for b.Loop() {
			copy(into, data)
		}
	})
}
