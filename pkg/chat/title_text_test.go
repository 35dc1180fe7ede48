package chat

import (
	"strings"
	"testing"
)

func TestCleanTitle(t *testing.T) {
	t.Parallel()
	family := "👩‍👩‍👧"
	for name, tt := range map[string]struct{ said, want string }{
		"as it is":             {"Bread without a machine", "Bread without a machine"},
		"nothing":              {" \n\t\n", ""},
		"quotes":               {`"Bread"`, "Bread"},
		"quotes that are open": {"“Bread without", "Bread without"},
		"quotes within":        {`"Bread" and "Wine"`, `"Bread" and "Wine"`},
		"other quotes":         {"„Brot“", "Brot"},
		"Japanese":             {"「パンの作り方」。", "パンの作り方"},
		"bold":                 {"**Bread**", "Bread"},
		"layers":               {"# **Title: \"Bread.\"**", "Bread"},
		"a label":              {"TITLE:  Bread", "Bread"},
		"a heading":            {"\n## Bread\nIt is about bread.", "Bread"},
		"a list":               {"- Bread\n- Cake", "Bread"},
		"a fence":              {"```\nBread\n```", "Bread"},
		"a rule":               {"---\nBread", "Bread"},
		"a label on its line":  {"Title:\nBread", "Bread"},
		"names stay":           {"C# and __init__ in .NET", "C# and __init__ in .NET"},
		"a hash tag":           {"#1 bread", "#1 bread"},
		"a question":           {"Why bread?", "Why bread?"},
		"periods":              {"Bread...", "Bread"},
		"white space":          {"Bread \t with\u00a0\u2003salt\x00\x1b[31m", "Bread with salt [31m"},
		"direction":            {"\u202eBread\u2066\u200f", "Bread"},
		"thoughts":             {"<think>\nBread? Cake?\n</think>\n\nCake", "Cake"},
		"endless thoughts":     {"<think>\nBread? Cake?", ""},
		"cut at a word":        {strings.Repeat("bread ", 20), strings.Repeat("bread ", 12) + "bread"},
		"just fits":            {strings.Repeat("b", 80), strings.Repeat("b", 80)},
		"cut at a rune":        {strings.Repeat("é", 81), strings.Repeat("é", 80)},
		"whole words fit":      {strings.Repeat("b", 80) + " bread", strings.Repeat("b", 80)},
		"cut at a family":      {strings.Repeat("b", 78) + family, strings.Repeat("b", 78)},
		"cut at a mark":        {strings.Repeat("b", 79) + "e\u0301", strings.Repeat("b", 79)},
		"cut at a tone":        {strings.Repeat("b", 79) + "👍🏽", strings.Repeat("b", 79)},
		"cut at a flag":        {strings.Repeat("b", 79) + "🇫🇷", strings.Repeat("b", 79)},
		"nothing but marks":    {"e" + strings.Repeat("\u0301", 99), "e" + strings.Repeat("\u0301", 79)},
	} {
		if got := cleanTitle(tt.said); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

func TestFirstWords(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ question, want string }{
		"few":          {"Why  bread?\n", "Why bread?"},
		"six":          {"one two three four five six", "one two three four five six"},
		"seven":        {"one two three four five six seven", "one two three four five six…"},
		"long ones":    {"abcdefghijklmnopqrst abcdefghijklmnopqrst abcdefghijklmnopqrst", "abcdefghijklmnopqrst abcdefghijklmnopqrst…"},
		"just fits":    {strings.Repeat("b", 60), strings.Repeat("b", 60)},
		"one too long": {strings.Repeat("b", 61), strings.Repeat("b", 59) + "…"},
		"no spaces":    {strings.Repeat("今天天气怎么样", 2000), strings.Repeat("今天天气怎么样", 8) + "今天天…"},
		"nothing seen": {"\u200b\ufeff\x01", ""},
		"no comma":     {"Well, this, is, a, comma, here, you see", "Well, this, is, a, comma, here…"},
	} {
		if got := firstWords(tt.question); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}
