package llm

import (
	"strings"
	"testing"
)

func TestReasoningDetailsAreGathered(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		lists []string
		want  string
	}{
		{"none", nil, ""},
		{
			"text in pieces, with its signature behind it",
			[]string{
				`[{"type":"reasoning.text","text":"H\u00e9","format":"anthropic-claude-v1","index":0}]`,
				`[ { "type" : "reasoning.text", "text" : "m, 🙂", "index" : 0, "signature" : null } ]`,
				`[{"type":"reasoning.text","signature":"sig==","format":"anthropic-claude-v1","index":0}]`,
			},
			`[{"type":"reasoning.text","text":"H\u00e9m, 🙂","format":"anthropic-claude-v1","index":0,"signature":"sig=="}]`,
		},
		{
			"a pair of surrogates in two pieces",
			[]string{`[{"type":"reasoning.text","text":"\ud83d"}]`, `[{"type":"reasoning.text","text":"\ude00"}]`},
			`[{"type":"reasoning.text","text":"\ud83d\ude00"}]`,
		},
		{
			"a rune in two pieces",
			[]string{"[{\"type\":\"reasoning.text\",\"text\":\"\xf0\x9f\"}]", "[{\"type\":\"reasoning.text\",\"text\":\"\x98\x80\"}]"},
			`[{"type":"reasoning.text","text":"😀"}]`,
		},
		{
			"blocks by their index",
			[]string{
				`[{"type":"reasoning.summary","summary":"a","index":0},{"type":"reasoning.summary","summary":"x","index":1}]`,
				`[{"type":"reasoning.summary","summary":"b","index":0}]`,
			},
			`[{"type":"reasoning.summary","summary":"ab","index":0},{"type":"reasoning.summary","summary":"x","index":1}]`,
		},
		{
			"one index, two types, as OpenAI's models have it",
			[]string{
				`[{"type":"reasoning.summary","summary":"a","format":"openai-responses-v1","index":0}]`,
				`[{"type":"reasoning.encrypted","data":"gAAA","format":"openai-responses-v1","id":"rs_1","index":0}]`,
				`[{"type":"reasoning.encrypted","data":"gBBB","format":"openai-responses-v1","id":"rs_2","index":0}]`,
			},
			`[{"type":"reasoning.summary","summary":"a","format":"openai-responses-v1","index":0},` +
				`{"type":"reasoning.encrypted","data":"gAAA","format":"openai-responses-v1","id":"rs_1","index":0},` +
				`{"type":"reasoning.encrypted","data":"gBBB","format":"openai-responses-v1","id":"rs_2","index":0}]`,
		},
		{
			"without an index only neighbours are joined",
			[]string{
				`[{"type":"reasoning.text","text":"a"}]`, `[{"type":"reasoning.text","text":"b"},{"type":"reasoning.encrypted","data":"x"}]`,
				`[{"type":"reasoning.text","text":"c"}]`,
			},
			`[{"type":"reasoning.text","text":"ab"},{"type":"reasoning.encrypted","data":"x"},{"type":"reasoning.text","text":"c"}]`,
		},
		{
			"other ids",
			[]string{`[{"type":"reasoning.text","text":"a","id":"1","index":0}]`, `[{"type":"reasoning.text","text":"b","id":"2","index":0}]`},
			`[{"type":"reasoning.text","text":"a","id":"1","index":0},{"type":"reasoning.text","text":"b","id":"2","index":0}]`,
		},
		{"a signature alone", []string{`[{"type":"reasoning.text","signature":"s","index":0}]`}, `[{"type":"reasoning.text","signature":"s","index":0}]`},
		{"members that nobody knows", []string{`[{"type":"reasoning.new","x":{"y":[1,"]}"]}}, {}]`}, `[{"type":"reasoning.new","x":{"y":[1,"]}"]}},{}]`},
		{"what is no list of objects", []string{`[{"type":"reasoning.text","text":"a"}]`, `["b"]`, `[{"type":"reasoning.text","text":"c"}]`}, ""},
		{"broken", []string{`[{"type":"reasoning.text","text":}]`}, ""},
		{"not UTF-8", []string{"[{\"type\":\"reasoning.text\",\"text\":\"\xff\"}]"}, ""},
		{"too much", []string{`[{"type":"x","data":"` + strings.Repeat("x", maxDetails) + `"}]`, `[{"type":"y"}]`}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var d details
			for _, list := range tt.lists {
				given := []byte(list)
				d.add(given)
				clear(given) // it holds only until the next chunk
			}
			if got := d.whole(); got != tt.want {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}
