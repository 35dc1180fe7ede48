package main_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"

	"dreamchat/pkg/sse"
)

// proof is what a reader says of a text without repeating it.
type proof struct {
	// Length counts UTF-16 units, SHA256 is over the UTF-8 text.
	Length int    `json:"length"`
	SHA256 string `json:"sha256"`
}

func proofOf(text string) proof {
	sum := sha256.Sum256([]byte(text))
	return proof{Length: len(utf16.Encode([]rune(text))), SHA256: hex.EncodeToString(sum[:])}
}

// reading is what a reader has of an answer in the end. Readers in other
// languages tell it as JSON.
type reading struct {
	// Name is the id of the conversation.
	Name            string
	Text, Reasoning proof
	// Complete is what stream_complete said of the text; nil without one.
	Complete *proof
	// Faults are what must not happen: a reset, a hole, an id that does not
	// increase, a status that is no answer.
	Faults []string
	// Reopened is how often the reader gave up and had to be started again.
	Reopened int
}

// transcript is what a reader makes of a stream, over all its connections.
type transcript struct {
	LastID   string
	Complete *proof
	Faults   []string

	text, reasoning []uint16
	attempt, seq    int
}

func (t *transcript) fault(format string, values ...any) {
	if len(t.Faults) < 5 {
		t.Faults = append(t.Faults, fmt.Sprintf(format, values...))
	}
}

// apply takes in an event.
func (t *transcript) apply(raw sse.Event) {
	name := string(raw.Name)
	if name == "stream_reconnect" {
		return
	}
	t.number(name, string(raw.ID))
	switch name {
	case "message_ack":
	case "stream_chunk":
		t.chunk(raw.Data)
	case "stream_complete":
		t.Complete = new(proof)
		if err := json.Unmarshal(raw.Data, t.Complete); err != nil {
			t.fault("%s: %v", name, err)
		}
	default:
		t.fault("%s after %q: %s", name, t.LastID, raw.Data)
	}
}

func (t *transcript) number(name, id string) {
	before, after, _ := strings.Cut(id, ".")
	attempt, err := strconv.Atoi(before)
	seq, err2 := strconv.Atoi(after)
	if err != nil || err2 != nil || attempt < t.attempt || attempt == t.attempt && seq <= t.seq {
		t.fault("%s with the id %q follows on %q", name, id, t.LastID)
	}
	t.LastID, t.attempt, t.seq = id, attempt, seq
}

// chunk is the rule for clients: text.slice(0, offset) + chunk.
func (t *transcript) chunk(data []byte) {
	var chunk struct {
		Kind, Chunk string
		Offset      int
	}
	if err := json.Unmarshal(data, &chunk); err != nil {
		t.fault("%v: %s", err, data)
		return
	}
	text := &t.text
	if chunk.Kind == "reasoning" {
		text = &t.reasoning
	}
	if chunk.Offset != len(*text) {
		t.fault("%s begins at %d, but there are %d units", t.LastID, chunk.Offset, len(*text))
	}
	*text = append((*text)[:min(chunk.Offset, len(*text))], utf16.Encode([]rune(chunk.Chunk))...)
}

func (t *transcript) reading(name string) reading {
	return reading{
		Name: name, Complete: t.Complete, Faults: t.Faults,
		Text: proofOf(string(utf16.Decode(t.text))), Reasoning: proofOf(string(utf16.Decode(t.reasoning))),
	}
}
