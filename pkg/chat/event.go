package chat

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// EventType is what an event of an answer's stream tells.
type EventType uint8

// The events of a stream: one ack, any number of chunks, then exactly one of
// complete and error.
const (
	EventAck EventType = iota
	EventChunk
	EventComplete
	EventError
)

// String is the name of the event on the wire.
func (t EventType) String() string {
	switch t {
	case EventAck:
		return "message_ack"
	case EventChunk:
		return "stream_chunk"
	case EventComplete:
		return "stream_complete"
	case EventError:
		return "stream_error"
	}
	return "unknown"
}

// Kind tells the answer's text from the reasoning that led to it.
type Kind uint8

// The kinds of text.
const (
	KindText Kind = iota
	KindReasoning
)

// String is the name of the kind on the wire.
func (k Kind) String() string {
	if k == KindReasoning {
		return "reasoning"
	}
	return "text"
}

// Event is one numbered event of a stream. It is kept small, since a running
// answer holds hundreds.
type Event struct {
	Type EventType
	Kind Kind
	// Offset is where the chunk begins in the text of its kind, in UTF-16 units.
	Offset uint32
	// Text is the text of a chunk, or the JSON payload of any other event.
	Text string
}

// maxChunk bounds the bytes of a chunk's text. JSON may take six bytes for one,
// so a frame stays under 16 KiB.
const maxChunk = 2500

// maxContent bounds the JSON of the text in a stream_complete for the same end.
const maxContent = 15 << 10

// AppendPayload appends the JSON payload of the event with this number.
func (f *Feed) AppendPayload(dst []byte, seq int, event Event) []byte {
	if event.Type != EventChunk {
		return append(dst, event.Text...)
	}
	dst = append(dst, `{"conversationId":"`...)
	dst = append(dst, f.ConversationID...)
	dst = append(dst, `","messageId":"`...)
	dst = append(dst, f.MessageID...)
	dst = append(dst, `","seq":`...)
	dst = strconv.AppendInt(dst, int64(seq), 10)
	dst = append(dst, `,"offset":`...)
	dst = strconv.AppendUint(dst, uint64(event.Offset), 10)
	dst = append(dst, `,"kind":"`...)
	dst = append(dst, event.Kind.String()...)
	dst = append(dst, `","chunk":`...)
	dst = appendQuoted(dst, event.Text)
	return append(dst, `,"isComplete":false}`...)
}

// AppendText appends the text of a chunk as a JSON string.
func (e *Event) AppendText(dst []byte) []byte { return appendQuoted(dst, e.Text) }

// appendQuoted appends valid UTF-8 as a JSON string (RFC 8259, section 7).
func appendQuoted(dst []byte, text string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	start := 0
	for i := range len(text) {
		c := text[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, text[start:i]...)
		start = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
		}
	}
	dst = append(dst, text[start:]...)
	return append(dst, '"')
}

// Merge joins each run of chunks of one kind into chunks as large as a frame
// takes, and yields the number of the last event in each. The events begin at
// the number first. A replay is merged, so that a reader who comes back late is
// not sent one frame per word.
func Merge(events []Event, first int) func(yield func(seq int, event Event) bool) {
	return func(yield func(int, Event) bool) {
		for i := 0; i < len(events); {
			end, size := i+1, len(events[i].Text)
			for end < len(events) && joins(events[i], events[end], size) {
				size += len(events[end].Text)
				end++
			}
			event := events[i]
			if end > i+1 {
				event.Text = join(events[i:end], size)
			}
			if !yield(first+end-1, event) {
				return
			}
			i = end
		}
	}
}

func joins(a, b Event, size int) bool {
	return a.Type == EventChunk && b.Type == EventChunk && a.Kind == b.Kind && size+len(b.Text) <= maxChunk
}

func join(events []Event, size int) string {
	var text strings.Builder
	text.Grow(size)
	for _, event := range events {
		text.WriteString(event.Text)
	}
	return text.String()
}

// units counts the UTF-16 units of valid UTF-8.
func units(text string) int {
	n := 0
	for i := range len(text) {
		switch c := text[i]; {
		case c >= 0xf0:
			n += 2
		case utf8.RuneStart(c):
			n++
		}
	}
	return n
}

// cut splits text after at most n bytes, never within a rune.
func cut(text string, n int) (head, tail string) {
	if len(text) <= n {
		return text, ""
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n], text[n:]
}
