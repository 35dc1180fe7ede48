package llm

import (
	"unicode"
	"unicode/utf8"

	"dreamchat/pkg/chat"
)

// wantsTitle tells whether a history asks for its own title, as the server does.
func wantsTitle(history []wireMessage) bool {
	return len(history) > 1 && history[len(history)-1].Content == chat.TitleInstruction
}

// title names what the first message of a history seems to be about.
func title(history []wireMessage) string {
	about := topic(harmlessLine(history[0].Content))
	first, size := utf8.DecodeRuneInString(about)
	return string(unicode.ToUpper(first)) + about[size:]
}
