package chat

import (
	"fmt"
	"maps"
	"unicode/utf8"

	"dreamchat/pkg/problem"
)

// Tokens are estimated from bytes, since every model counts its own. English takes
// about four bytes for a token, program text and most other scripts about three.
const (
	// bytesPerToken errs on the side of a history that is too short.
	bytesPerToken = 3
	// turnBytes is what marks one turn from the next.
	turnBytes = 4 * bytesPerToken
	// mostPerToken is more than any ordinary text reaches, be it all long words.
	mostPerToken = 16
	// unknownWindow is taken for a model whose window is not known, in tokens.
	unknownWindow = 8192
)

const (
	// historyMessages and historyBytes bound what a model is shown, however large
	// its window is.
	historyMessages = 1000
	historyBytes    = 4 << 20
	// historyDetails bounds the reasoning details among that.
	historyDetails = 1 << 20
)

// budget is what the history may take, in bytes: the model's window less the room
// for the answer, which never takes more than half of it.
func budget(model *Model, maxTokens int) int {
	window := model.ContextLength
	if window <= 0 {
		window = unknownWindow
	}
	tokens := min(window-min(maxTokens, window/2), historyBytes)
	return max(min(tokens*bytesPerToken, historyBytes), 1)
}

// answerRoom is how many tokens the answer may take of those that were asked for:
// some providers refuse a request for more than its turns leave of the window. The
// estimate may take the turns for longer than they are, so some room is always left.
func answerRoom(model *Model, maxTokens int, turns []Turn) int {
	window := model.ContextLength
	if window <= 0 {
		return maxTokens
	}
	taken := 0
	for _, turn := range turns {
		taken += turn.size() + len(turn.ReasoningDetails)
	}
	return max(min(maxTokens, max(window-taken/bytesPerToken, window/4)), 1)
}

// size is the bytes that a turn is taken for, without its reasoning details.
func (t *Turn) size() int { return len(t.Content) + turnBytes }

// trim keeps the newest messages whose turns fit, and always the last one and those
// of the system. What room is left goes to the reasoning details, newest first.
func trim(history []Message, budget int) []Turn {
	turns := make([]Turn, len(history))
	for i, message := range history {
		turns[i] = Turn{Role: message.Role, Content: message.Content}
		if message.Role == RoleSystem {
			budget -= turns[i].size()
		}
	}
	first, left := newest(turns, budget)
	kept := make([]Turn, 0, len(turns)-first)
	for i := range turns {
		if i >= first || turns[i].Role == RoleSystem {
			kept = append(kept, turns[i])
		}
	}
	offset := len(history) - len(kept)
	for i := len(kept) - 1; i >= 0 && i+offset >= first; i-- {
		details := history[i+offset].ReasoningDetails
		if details == nil {
			continue
		}
		if left -= len(*details); left < 0 {
			break
		}
		kept[i].ReasoningDetails = *details
	}
	return kept
}

// newest finds the first of the newest turns that fit, and what they leave of the
// budget. Turns of the system are paid for already.
func newest(turns []Turn, budget int) (first, left int) {
	first = len(turns)
	for first > 0 {
		size := turns[first-1].size()
		if turns[first-1].Role == RoleSystem {
			size = 0
		}
		if size > budget && first < len(turns) {
			break
		}
		budget -= size
		first--
	}
	// An answer whose question was left out goes too: some models refuse to go on
	// from words of their own.
	for first < len(turns)-1 && turns[first].Role == RoleAssistant {
		budget += turns[first].size()
		first++
	}
	return first, budget
}

// checkWindow is problem.TooLarge for a question that the model's window cannot
// hold for certain.
func checkWindow(model *Model, content string) error {
	if model.ContextLength <= 0 || fewestTokens(content) <= model.ContextLength {
		return nil
	}
	return problem.TooLarge.New(fmt.Sprintf("The message alone is too long for the model %s, whose window has %d tokens.",
		quote(model.ID), model.ContextLength)).
		With("model", model.ID).With("contextLength", model.ContextLength)
}

// fewestTokens is less than any model takes a text for. A character that repeats the
// one before it counts for nothing: one token may stand for a whole run of them.
func fewestTokens(text string) int {
	n := 0
	var last rune
	for _, r := range text {
		if r != last {
			n += utf8.RuneLen(r)
		}
		last = r
	}
	return n / mostPerToken
}

// metadataContext tells, if a model was not shown the whole conversation, how many
// messages it was shown and how many were dropped.
const metadataContext = "context"

// noteContext keeps with the answer what its model is not shown.
func (g *generation) noteContext(messages, dropped int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, noted := g.answer.Metadata[metadataContext]; dropped == 0 && !noted {
		return
	}
	// A copy, since the answer as it began is being told to its reader.
	kept := maps.Clone(g.answer.Metadata)
	if kept == nil {
		kept = Metadata{}
	}
	delete(kept, metadataContext)
	if dropped > 0 {
		kept[metadataContext] = map[string]any{"messages": messages, "dropped": dropped}
	}
	g.answer.Metadata = kept
}
