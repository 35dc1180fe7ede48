package apitest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"unicode/utf16"
)

// textRules put the chunks of a stream together as a client does, and hold the
// terminal event to its proof if the stream was read from its beginning.
type textRules struct {
	whole bool
	// next is where the next chunk of a kind has to begin; a kind that was not
	// met yet is not in it, unless the stream was read from its beginning.
	next map[string]int
	text string
}

// apply takes in one event and says what is wrong with it.
func (r *textRules) apply(name string, data map[string]any) string {
	switch name {
	case "message_ack":
		*r = textRules{whole: true, next: map[string]int{"text": 0, "reasoning": 0}}
	case "stream_chunk":
		return r.chunk(data)
	case "stream_complete", "stream_error":
		return r.proof(data)
	}
	return ""
}

func (r *textRules) chunk(data map[string]any) string {
	kind, _ := data["kind"].(string)
	chunk, _ := data["chunk"].(string)
	number, _ := data["offset"].(float64)
	offset := int(number)
	next, met := r.next[kind]
	if r.next == nil {
		r.next = make(map[string]int)
	}
	r.next[kind] = offset + len(utf16.Encode([]rune(chunk)))
	if kind == "text" {
		r.text += chunk
	}
	if met && offset != next {
		return fmt.Sprintf("a chunk of %s begins at %d and not at %d", kind, offset, next)
	}
	return ""
}

func (r *textRules) proof(data map[string]any) string {
	if !r.whole {
		return ""
	}
	length, _ := data["length"].(float64)
	if int(length) != r.next["text"] {
		return fmt.Sprintf("the length is told as %d and is %d", int(length), r.next["text"])
	}
	sum := sha256.Sum256([]byte(r.text))
	if data["sha256"] != hex.EncodeToString(sum[:]) {
		return "the hash is not that of the text"
	}
	if content, told := data["content"].(string); told && content != r.text {
		return "the content is not what the chunks make"
	}
	return ""
}
