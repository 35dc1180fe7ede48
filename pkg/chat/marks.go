package chat

import (
	"encoding/binary"
	"strings"
	"unicode/utf8"
)

// An answer is stored as text, not as events. Its marks tell how the text was
// cut: for each chunk, in order, an unsigned varint of its UTF-16 units times
// two, plus its kind. With them the stream of a finished answer is built again
// event for event, for ever, so that a cursor stays exact after the log is gone.

func appendMark(marks []byte, kind Kind, units int) []byte {
	return binary.AppendUvarint(marks, uint64(units)<<1|uint64(kind)) //nolint:gosec // a count
}

// Events builds the stream of an answer as far as its row holds it: the ack, the
// chunks as they were sent, and the terminal event if the answer is finished.
func (m *Message) Events() []Event {
	events := make([]Event, 0, max(m.LastEventSeq, 3))
	events = append(events, m.ack())
	rest := [...]string{KindText: m.Content, KindReasoning: m.Reasoning}
	var offsets [2]uint32
	chunk := func(kind Kind, text string) {
		events = append(events, Event{Type: EventChunk, Kind: kind, Offset: offsets[kind], Text: text})
		offsets[kind] += uint32(units(text)) //nolint:gosec // bounded by maxAnswer
		rest[kind] = rest[kind][len(text):]
	}
	for marks := m.Marks; len(marks) > 0; {
		mark, n := binary.Uvarint(marks)
		if n <= 0 {
			break
		}
		marks = marks[n:]
		kind := Kind(mark & 1)
		chunk(kind, prefix(rest[kind], mark>>1))
	}
	// A text that has no marks was not streamed here: cut it anyhow.
	for _, kind := range []Kind{KindReasoning, KindText} {
		for rest[kind] != "" {
			text, _ := cut(rest[kind], maxChunk)
			chunk(kind, text)
		}
	}
	if m.Status == StatusStreaming {
		return events
	}
	return append(events, m.terminal())
}

// add extends what the row holds of a streaming answer by further events.
func (m *Message) add(events []Event) {
	var texts [2]strings.Builder
	_, _ = texts[KindText].WriteString(m.Content) // they never fail
	_, _ = texts[KindReasoning].WriteString(m.Reasoning)
	for _, event := range events {
		_, _ = texts[event.Kind].WriteString(event.Text)
		m.Marks = appendMark(m.Marks, event.Kind, units(event.Text))
	}
	m.Content, m.Reasoning = texts[KindText].String(), texts[KindReasoning].String()
}

// prefix is the part of text that takes n UTF-16 units.
func prefix(text string, n uint64) string {
	var have uint64
	for i, r := range text {
		if have >= n {
			return text[:i]
		}
		have++
		if utf8.RuneLen(r) == utf8.UTFMax {
			have++
		}
	}
	return text
}
