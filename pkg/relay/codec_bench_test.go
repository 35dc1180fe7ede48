package relay

import (
	"testing"

	"dreamchat/pkg/chat"
)

// tokens are chunks as providers send them.
func tokens(n int) []chat.Event {
	events := make([]chat.Event, n)
	for i := range events {
		events[i] = chat.Event{Type: chat.EventChunk, Offset: uint32(6 * i), Text: " token"}
	}
	return events
}

func BenchmarkEncode(b *testing.B) {
	events := tokens(10)
	b.ReportAllocs()
	for b.Loop() {
		if _, n := encode(events, maxEntry); n != len(events) {
			b.Fatalf("%d events are encoded", n)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	payload, n := encode(tokens(10), maxEntry)
	entry := string(payload)
	b.ReportAllocs()
	for b.Loop() {
		if events, err := decode(entry); err != nil || len(events) != n {
			b.Fatalf("%d events are decoded, %v", len(events), err)
		}
	}
}
