package main_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"unicode/utf16"

	"dreamchat/pkg/llm/llmtest"
)

// story is an answer that a provider makes, in passages.
type story struct {
	reasoning, text []string
}

func tell(decide *rand.Rand, passages int) story {
	var s story
	for range passages {
		s.reasoning = append(s.reasoning, prose(decide, 8))
		s.text = append(s.text, prose(decide, 60))
	}
	return s
}

// script plays a passage each time the reader comes again, and lets the answer
// end once there were enough cuts.
func (s story) script(decide *rand.Rand, reader *cutter) []llmtest.Step {
	var steps []llmtest.Step
	for i := range s.text {
		steps = append(steps, llmtest.Wait(reader.Answered(i+1)))
		steps = append(steps, splinters(decide, "reasoning", s.reasoning[i])...)
		steps = append(steps, splinters(decide, "content", s.text[i])...)
	}
	return append(steps, llmtest.Wait(reader.tally.Enough), llmtest.Finish("stop"), llmtest.Usage(7, 7, 0, "0.000123"), llmtest.Done())
}

// prose is text of the kind on which offsets and cuts go wrong.
func prose(decide *rand.Rand, words int) string {
	vocabulary := []string{
		"word", "and", "\"quoted\"", "back\\slash", "<b>&amp;</b>", "line\nbreak", "CR\r\nLF", "\ttab", "data: no\n\n",
		"ångström", "e\u0301a\u0300", "n\u0303\u0323", "हिन्दी", "日本語", "مرحبا", "\u2028", "\u200b", "\ufeff",
		"😀", "👩‍👩‍👧‍👦", "🇩🇪", "👍🏽", "𝄞", "𠜎", "\U0010fffd",
	}
	var text strings.Builder
	for range words {
		text.WriteString(vocabulary[decide.IntN(len(vocabulary))])
		text.WriteByte(' ')
	}
	return text.String()
}

// splinters are chunks of the text, cut anywhere: within a rune, and within a
// pair of surrogates.
func splinters(decide *rand.Rand, field, text string) []llmtest.Step {
	var steps []llmtest.Step
	rest := atoms(decide, text)
	for len(rest) > 0 {
		n := min(1+decide.IntN(12), len(rest))
		steps = append(steps, llmtest.Chunk(fmt.Sprintf(
			`{"id":"gen-test","model":"test/model","choices":[{"index":0,"delta":{"role":"assistant","%s":"%s"},"finish_reason":null}]}`,
			field, strings.Join(rest[:n], ""))))
		rest = rest[n:]
	}
	return steps
}

// atoms are the parts of a JSON string that cannot be cut: an escape, or a byte.
func atoms(decide *rand.Rand, text string) []string {
	var parts []string
	for _, r := range text {
		quoted, _ := json.Marshal(string(r)) // no string fails
		switch literal := strings.Trim(string(quoted), `"`); {
		case r == '"' || r == '\\' || literal[0] == '\\':
			parts = append(parts, string(quoted[1:len(quoted)-1]))
		case r > 0xffff && decide.IntN(2) == 0:
			high, low := utf16.EncodeRune(r)
			parts = append(parts, fmt.Sprintf(`\u%04x`, high), fmt.Sprintf(`\u%04x`, low))
		default:
			for i := range len(literal) {
				parts = append(parts, literal[i:i+1])
			}
		}
	}
	return parts
}
