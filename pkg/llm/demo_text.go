package llm

import (
	"math/rand/v2"
	"strings"
	"unicode"
	"unicode/utf8"
)

// harmlessLine makes one line of a text: without characters that Markdown
// would take for its own, and without those that turn the direction of text.
func harmlessLine(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case strings.ContainsRune("`*[]<>|~\\", r), r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069:
			return -1
		case unicode.IsControl(r), unicode.IsSpace(r):
			return ' '
		default:
			return r
		}
	}, strings.ToValidUTF8(text, "\ufffd"))
	return strings.Join(strings.Fields(text), " ")
}

// shorten cuts a line to at most so many runes, between words if it can, and
// never inside of what is seen as one character.
func shorten(line string, most int) string {
	runes := []rune(line)
	if len(runes) <= most {
		return line
	}
	at := most - 1
	for at > 1 && (joins(runes[at]) || runes[at-1] == '\u200d') {
		at--
	}
	short := string(runes[:at])
	if space := strings.LastIndexByte(short, ' '); space > len(short)/2 {
		short = short[:space]
	}
	return strings.TrimRight(short, " ,;:") + "…"
}

// joins tells whether a rune is shown as a part of the one before it.
func joins(r rune) bool {
	return unicode.IsMark(r) || r == '\u200d' || r >= 0x1F3FB && r <= 0x1F3FF
}

// words are the parts of a text that count as one token each: a word with the
// space after it.
func words(text string) []string {
	var parts []string
	for len(text) > 0 {
		end := strings.IndexFunc(text, unicode.IsSpace)
		if end < 0 {
			return append(parts, text)
		}
		for end < len(text) {
			r, size := utf8.DecodeRuneInString(text[end:])
			if !unicode.IsSpace(r) {
				break
			}
			end += size
		}
		parts = append(parts, text[:end])
		text = text[end:]
	}
	return parts
}

// pieces groups words by one or two, as models send them.
func pieces(words []string, chance *rand.Rand) []string {
	var grouped []string
	for len(words) > 0 {
		n := min(1+chance.IntN(2), len(words))
		grouped = append(grouped, strings.Join(words[:n], ""))
		words = words[n:]
	}
	return grouped
}

// countTokens estimates the tokens of a text: its words, or a quarter of its
// characters if those are more, as in scripts without spaces.
func countTokens(text string) int {
	return max(len(strings.Fields(text)), (utf8.RuneCountInString(text)+3)/4)
}
