package chat

import "testing"

// BenchmarkTake is a delta of a provider taken into the answer and its log.
func BenchmarkTake(b *testing.B) {
	b.ReportAllocs()
	delta := Delta{Text: " streaming"}
	var made *generation
	for i := range b.N {
		if i%500 == 0 {
			made = newGeneration("user", Message{ID: "m", ConversationID: "c", Attempt: 1}, func(error) {})
			made.stream = direct{made.log}
		}
		made.take(delta)
	}
}

// BenchmarkAppendPayload is an event encoded for one reader.
func BenchmarkAppendPayload(b *testing.B) {
	b.ReportAllocs()
	feed := Feed{ConversationID: "01a2009f-4050-73b9-965b-6c5116ce416f", MessageID: "01a2009f-405e-771e-99bd-1fd262b33d7d"}
	event := Event{Type: EventChunk, Offset: 412, Text: " streaming"}
	var frame []byte
	for i := range b.N {
		frame = feed.AppendPayload(frame[:0], i, event)
	}
	b.SetBytes(int64(len(frame)))
}
