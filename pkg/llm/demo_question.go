package llm

import (
	"slices"
	"strings"
	"unicode"

	"dreamchat/pkg/chat"
)

// question is what the demo model understands of a history.
type question struct {
	text   string // the last message of the user, on one line and harmless
	topic  string // what it seems to be about
	before string // the user's message before it
	turn   int    // how many messages the user has written

	greets, thanks, asksWho, asks                  bool
	wantsList, wantsSteps, wantsCode, wantsThought bool
	language                                       string // of the code that is wanted
}

func understand(history []wireMessage) question {
	var q question
	raw := ""
	for _, message := range history {
		if message.Role == chat.RoleUser {
			q.turn++
			q.before, raw = raw, message.Content
		}
	}
	q.text, q.before = harmlessLine(raw), harmlessLine(q.before)
	lower := strings.ToLower(q.text)
	words := splitWords(lower)
	has := func(some ...string) bool {
		return slices.ContainsFunc(some, func(word string) bool { return slices.Contains(words, word) })
	}

	q.greets = len(words) > 0 && slices.Contains(greetings, words[0]) ||
		len(words) > 1 && words[0] == "good" && has("morning", "afternoon", "evening", "day")
	q.thanks = has("thanks", "thank", "danke", "merci", "gracias")
	q.asksWho = strings.Contains(lower, "who are you") || strings.Contains(lower, "what are you") ||
		strings.Contains(lower, "your name") || strings.Contains(lower, "which model")
	stepwise := strings.Contains(lower, "step by step") || strings.Contains(lower, "step-by-step")
	q.wantsThought = stepwise || has("think", "thinking", "reason", "reasoning", "reasons")
	q.wantsSteps = has("steps") || has("step") && !stepwise
	q.wantsList = q.wantsSteps || has("list", "lists", "bullet", "bullets")
	q.wantsCode = has("code", "function", "program", "example", "script", "snippet")
	q.language = codeLanguage(words)
	q.topic = topic(q.text)
	first, _, _ := strings.Cut(strings.ToLower(q.topic), " ")
	q.asks = strings.ContainsAny(q.text, "?？؟") || slices.Contains(askers, first)
	return q
}

// small tells whether there is nothing but a greeting or a thank-you.
func (q question) small() bool {
	return (q.greets || q.thanks) && !q.asks && !q.asksWho && !q.wantsList && !q.wantsCode &&
		len(splitWords(q.text)) <= 5
}

//nolint:gochecknoglobals // word lists, never written
var (
	greetings = []string{
		"hello", "hi", "hey", "hiya", "howdy", "greetings", "hallo", "moin", "servus", "hola", "bonjour", "salut",
		"ciao", "olá", "hej", "hei", "ahoj", "merhaba", "привет", "你好", "こんにちは", "안녕하세요", "مرحبا", "नमस्ते",
	}
	askers = []string{
		"what", "what's", "who", "when", "where", "why", "how", "which", "is", "are", "do", "does", "did", "can",
		"could", "would", "will", "should", "was", "were", "has", "have",
	}
	// leads are followed by what a message is about.
	leads = []string{
		"about ", "what is ", "what's ", "what are ", "what was ", "what were ", "who is ", "who was ", "where is ",
		"list of ", "explain ", "describe ", "define ", "summarize ", "translate ", "how to ",
	}
	// courtesies say nothing of it.
	courtesies = []string{
		"please ", "can you ", "could you ", "would you ", "will you ", "i want ", "i would like ", "i'd like ", "help me ",
		"tell me ", "give me ", "show me ", "write me ", "write ", "make me ", "make ", "think step by step", "think ",
		"step by step", "good morning", "good afternoon", "good evening", "and ", "then ",
	}
)

// topic is what follows a phrase such as "about", or else the first sentence
// without its courtesies.
func topic(text string) string {
	for _, lead := range leads {
		if rest := sentence(after(text, lead)); rest != "" {
			return shorten(rest, 60)
		}
	}
	rest := text
	for trimmed := ""; trimmed != rest; {
		trimmed = rest
		rest = strings.TrimLeft(withoutCourtesy(rest), " ,;:!.-")
	}
	if rest = sentence(rest); rest == "" {
		rest = text
	}
	return shorten(rest, 60)
}

func withoutCourtesy(text string) string {
	first, rest, _ := strings.Cut(text, " ")
	if slices.Contains(greetings, strings.ToLower(strings.TrimRight(first, ",;:!."))) {
		return rest
	}
	for _, courtesy := range courtesies {
		if hasPrefixFold(text, courtesy) {
			return text[len(courtesy):]
		}
	}
	return text
}

// after returns what follows a phrase that begins a word, in any case.
func after(text, phrase string) string {
	for i := range text {
		if (i == 0 || text[i-1] == ' ') && hasPrefixFold(text[i:], phrase) {
			return text[i+len(phrase):]
		}
	}
	return ""
}

func hasPrefixFold(text, prefix string) bool {
	return len(text) >= len(prefix) && strings.EqualFold(text[:len(prefix)], prefix)
}

// sentence is the first sentence of a text, without its end.
func sentence(text string) string {
	for _, end := range []string{". ", "? ", "! ", "; ", ": "} {
		text, _, _ = strings.Cut(text, end)
	}
	return strings.Trim(text, " .?!;:,")
}

func codeLanguage(words []string) string {
	for _, word := range words {
		switch word {
		case "python", "rust":
			return word
		case "javascript", "js", "node", "typescript", "ts":
			return "javascript"
		case "bash", "shell", "sh":
			return "bash"
		}
	}
	return "go"
}

func splitWords(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) && r != '\'' && r != '+' && r != '#'
	})
}
