package relay

import (
	"encoding/binary"
	"errors"
	"math"

	"dreamchat/pkg/chat"
)

var errEntry = errors.New("relay: an entry cannot be read")

// encode writes the first of these chunks, at least one and no more than limit
// bytes of text, and tells how many. Each is its text's length times two plus its
// kind, its offset, both as unsigned varints, and its text.
func encode(events []chat.Event, limit int) (payload []byte, n int) {
	size := 0
	for n < len(events) && (n == 0 || size+len(events[n].Text) <= limit) {
		size += len(events[n].Text)
		n++
	}
	const numbers = 8 // bytes that the two take at most, as chunks and answers are bounded
	payload = make([]byte, 0, size+numbers*n)
	for _, event := range events[:n] {
		payload = binary.AppendUvarint(payload, uint64(len(event.Text))<<1|uint64(event.Kind))
		payload = binary.AppendUvarint(payload, uint64(event.Offset))
		payload = append(payload, event.Text...)
	}
	return payload, n
}

// decode reads what encode wrote.
func decode(payload string) ([]chat.Event, error) {
	var events []chat.Event
	rest := []byte(payload)
	for len(rest) > 0 {
		size, n := binary.Uvarint(rest)
		if n <= 0 {
			return nil, errEntry
		}
		offset, m := binary.Uvarint(rest[n:])
		length := size >> 1
		if m <= 0 || offset > math.MaxUint32 || length > maxEntry {
			return nil, errEntry
		}
		rest = rest[n+m:]
		if int(length) > len(rest) {
			return nil, errEntry
		}
		events = append(events, chat.Event{
			Type: chat.EventChunk, Kind: chat.Kind(size & 1), Offset: uint32(offset), Text: string(rest[:length]),
		})
		rest = rest[length:]
	}
	return events, nil
}
