package llm_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"dreamchat/pkg/llm"
)

// BenchmarkStream is what one chunk costs from the response's body to the
// consumer, beside reading the same bytes and nothing else.
func BenchmarkStream(b *testing.B) {
	const chunks = 1000
	chunk := `data: {"id":"gen-1732000000-AbCdEfGhIjKlMnOpQrSt","provider":"OpenAI","model":"openai/gpt-4o-mini",` +
		`"object":"chat.completion.chunk","created":1732000000,"choices":[{"index":0,"delta":{"role":"assistant",` +
		`"content":" world"},"finish_reason":null,"native_finish_reason":null,"logprobs":null}]}` + "\n\n"
	stream := strings.Repeat(chunk, chunks) + finished + done
	b.Run("client", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			client := &llm.Client{HTTP: &http.Client{Transport: canned{strings.NewReader(stream)}}}
			if got := chunksOf(b, client); got != chunks {
				b.Fatal(got)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*chunks), "ns/chunk")
	})
	b.Run("copy", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{strings.NewReader(stream)}, make([]byte, 2<<10)); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*chunks), "ns/chunk")
	})
}

func chunksOf(b *testing.B, client *llm.Client) (n int) {
	b.Helper()
	for delta, err := range client.Complete(b.Context(), ask("m", "Hi")) {
		if err != nil {
			b.Fatal(err)
		}
		if delta.Text != "" {
			n++
		}
	}
	return n
}
