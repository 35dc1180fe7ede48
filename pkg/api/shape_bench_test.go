package api

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// BenchmarkShape is what the look at a body costs, beside the decoding of the same
// body: a chat as the AI SDK sends it, one long text, and what is mostly names.
func BenchmarkShape(b *testing.B) {
	for name, body := range shapes() {
		b.Run(name+"/shape", func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if err := checkShape(body); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/unmarshal", func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				var into map[string]json.RawMessage
				if err := json.Unmarshal(body, &into); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func shapes() map[string][]byte {
	words := strings.Repeat(`Say it \"as is\", with all that belongs to it.\n`, 20)
	turn := `{"id":"m1","role":"user","parts":[{"type":"text","text":"` + words + `"}]}`
	names := make([]string, 60)
	for i := range names {
		names[i] = fmt.Sprintf(`"name%d":%d`, i, i)
	}
	object := "{" + strings.Join(names, ",") + "}"
	return map[string][]byte{
		"chat":  []byte(`{"id":"chat-1","messages":[` + strings.Repeat(turn+",", 200) + turn + `]}`),
		"text":  []byte(`{"content":"` + strings.Repeat("x", 200_000) + `"}`),
		"names": []byte(`{"tools":[` + strings.Repeat(object+",", 200) + object + `]}`),
	}
}
