package llm

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestMend(t *testing.T) {
	t.Parallel()
	const high, low = `\ud83d`, `\ude00`
	for _, tt := range []struct {
		name   string
		pieces []string // JSON strings without their quotes
		want   string
	}{
		{"plain", []string{"Hello", " world"}, "Hello| world"},
		{"a pair split", []string{"a" + high, low + "b"}, "a|😀b"},
		{"a pair with an empty piece between", []string{high, "", low}, "||😀"},
		{"a pair whole", []string{high + low}, "😀"},
		{"a first half alone", []string{high, "b"}, "|\ufffdb"},
		{"a first half at the end", []string{"a" + high}, "a|\ufffd"},
		{"two first halves", []string{high, high, low}, "|\ufffd|😀"},
		{"a second half alone", []string{low + "b"}, "\ufffdb"},
		{"a rune in four pieces", []string{"a\xf0", "\x9f", "\x98", "\x80b"}, "a|||😀b"},
		{"a rune cut at the end", []string{"é\xc3"}, "é|\ufffd"},
		{"a rune never finished", []string{"\xe2\x82", "x"}, "|\ufffd\ufffdx"},
		{"half a pair, then half a rune", []string{high + "\xed", "\x95\x9c"}, "\ufffd|한"},
		{"no UTF-8", []string{"a\xffb"}, "a\ufffdb"},
		{"NUL", []string{`a\u0000b`}, "a\ufffdb"},
		{"the replacement itself", []string{"\ufffd", "\xef\xbf", "\xbd"}, "\ufffd||\ufffd"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var m mender
			var got []string
			for _, piece := range tt.pieces {
				raw, ok := appendUnquoted(nil, []byte(piece))
				if !ok {
					t.Fatalf("bad escapes in %q", piece)
				}
				got = append(got, m.mend(raw))
			}
			if rest := m.flush(); rest != "" {
				got = append(got, rest)
			}
			if joined := strings.Join(got, "|"); joined != tt.want {
				t.Errorf("got %q, want %q", joined, tt.want)
			}
		})
	}
}

func FuzzMend(f *testing.F) {
	f.Add("Zoë 🙂 한", 1)
	f.Add("a\x00\xff\xed\xa0\xbd\xed\xb8\x80", 3)
	f.Fuzz(func(t *testing.T, in string, size int) {
		size = max(size, 1)
		var m mender
		var out strings.Builder
		for rest := in; len(rest) > 0; {
			n := min(size, len(rest))
			out.WriteString(m.mend([]byte(rest[:n])))
			rest = rest[n:]
		}
		out.WriteString(m.flush())
		got := out.String()
		if !utf8.ValidString(got) || strings.Contains(got, "\x00") {
			t.Fatalf("%q became %q", in, got)
		}
		if want := strings.ReplaceAll(in, "\x00", "\ufffd"); utf8.ValidString(in) && got != want {
			t.Fatalf("%q became %q", in, got)
		}
	})
}
