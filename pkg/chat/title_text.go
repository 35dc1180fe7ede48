package chat

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxTitle bounds a title that a model made, in characters.
	maxTitle = 80
	// firstWords takes so many words and characters.
	titleWords = 6
	maxWords   = 60
	// pauses lead on to what was cut off.
	pauses = " ,;:"
)

// cleanTitle makes a title of what a model said: its first line that says
// something, without what models put around a title. It is empty if there is
// none.
func cleanTitle(said string) string {
	if _, thought, found := strings.Cut(said, "<think>"); found {
		_, said, _ = strings.Cut(thought, "</think>")
	}
	for line := range strings.Lines(said) {
		if title := peel(oneLine(line)); title != "" {
			return clip(title, maxTitle)
		}
	}
	return ""
}

// firstWords makes a title of a question.
func firstWords(question string) string {
	head, tail := cutRunes(question, titleExcerpt)
	words := strings.Fields(oneLine(head))
	kept := min(len(words), titleWords)
	title := strings.Join(words[:kept], " ")
	whole := tail == "" && kept == len(words)
	if title == "" || whole && utf8.RuneCountInString(title) <= maxWords {
		return title
	}
	return strings.TrimRight(clip(title, maxWords-1), pauses) + "…"
}

// oneLine collapses white space, and leaves out control characters and those
// that turn the direction of what stands around the title.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Bidi_Control, r), r == '\u200b', r == '\ufeff':
			return -1
		case unicode.IsControl(r):
			return ' '
		default:
			return r
		}
	}, text)
	return strings.Join(strings.Fields(text), " ")
}

// peel takes away, layer by layer, what stands around a title.
func peel(line string) string {
	for before := ""; before != line; {
		before = line
		line = withoutMark(line)
		line = unquote(strings.TrimRight(line, ". 。"))
	}
	if strings.Trim(line, "`*_~#-=") == "" {
		return "" // a fence or a rule
	}
	return line
}

// withoutMark takes away what begins a line of Markdown, and the word "Title:".
func withoutMark(line string) string {
	const label = "title:"
	if len(line) >= len(label) && strings.EqualFold(line[:len(label)], label) {
		line = line[len(label):]
	}
	if rest, found := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); found {
		return strings.TrimSpace(rest)
	}
	for _, mark := range []string{"> ", "- ", "* "} {
		line = strings.TrimPrefix(line, mark)
	}
	return line
}

// unquote takes away one pair of marks around a line, or an opening one whose
// end was cut off.
func unquote(line string) string {
	for _, pair := range [][2]string{
		{"**", "**"},
		{"__", "__"},
		{"*", "*"},
		{"_", "_"},
		{"`", "`"},
		{`"`, `"`},
		{"'", "'"},
		{"“", "”"},
		{"„", "“"},
		{"‘", "’"},
		{"«", "»"},
		{"「", "」"},
	} {
		rest, opened := strings.CutPrefix(line, pair[0])
		if !opened {
			continue
		}
		if inner := strings.TrimSuffix(rest, pair[1]); !strings.Contains(inner, pair[1]) {
			return strings.TrimSpace(inner)
		}
	}
	return line
}

// clip cuts a line to at most so many characters, between words if it can, and
// not inside of what is seen as one character unless that has no end.
func clip(line string, most int) string {
	runes := []rune(line)
	if len(runes) <= most {
		return line
	}
	at := most
	for at > most/2 && joined(runes[at-1], runes[at]) {
		at--
	}
	if at == most/2 {
		at = most
	}
	short := string(runes[:at])
	if space := strings.LastIndexByte(short, ' '); runes[at] != ' ' && space > len(short)/2 {
		short = short[:space]
	}
	return strings.TrimRight(short, pauses)
}

// joined tells whether two runes are seen as parts of one character.
func joined(before, after rune) bool {
	const joiner = '\u200d'
	isTone := after >= 0x1F3FB && after <= 0x1F3FF
	return unicode.IsMark(after) || after == joiner || before == joiner || isTone ||
		unicode.Is(unicode.Regional_Indicator, before) && unicode.Is(unicode.Regional_Indicator, after)
}

// cutRunes splits text after at most n runes.
func cutRunes(text string, n int) (head, tail string) {
	for i := range text {
		if n == 0 {
			return text[:i], text[i:]
		}
		n--
	}
	return text, ""
}
