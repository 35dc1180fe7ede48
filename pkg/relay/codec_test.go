package relay

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"dreamchat/pkg/chat"
)

func chunks() *rapid.Generator[[]chat.Event] {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) chat.Event {
		return chat.Event{
			Type:   chat.EventChunk,
			Kind:   rapid.SampledFrom([]chat.Kind{chat.KindText, chat.KindReasoning}).Draw(t, "kind"),
			Offset: rapid.Uint32().Draw(t, "offset"),
			Text:   rapid.StringN(0, 50, 200).Draw(t, "text"),
		}
	}), 1, 50)
}

func TestAnEntryIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		events := chunks().Draw(t, "events")
		limit := rapid.IntRange(0, 500).Draw(t, "limit")
		var read []chat.Event
		for rest := events; len(rest) > 0; {
			payload, n := encode(rest, limit)
			if n == 0 {
				t.Fatal("nothing was written")
			}
			size := 0
			for _, event := range rest[:n] {
				size += len(event.Text)
			}
			if n > 1 && size > limit {
				t.Fatalf("%d bytes of text in an entry, the limit is %d", size, limit)
			}
			entry, err := decode(string(payload))
			if err != nil {
				t.Fatal(err)
			}
			read, rest = append(read, entry...), rest[n:]
		}
		if !slices.Equal(read, events) {
			t.Fatalf("wrote %v, read %v", events, read)
		}
	})
}

func TestALongAnswerTakesSmallEntries(t *testing.T) {
	t.Parallel()
	events := make([]chat.Event, 100)
	for i := range events {
		events[i] = chat.Event{Type: chat.EventChunk, Text: strings.Repeat("x", 2500)}
	}
	for rest := events; len(rest) > 0; {
		payload, n := encode(rest, maxEntry)
		if len(payload) > maxEntry+8*n {
			t.Fatalf("an entry of %d bytes", len(payload))
		}
		rest = rest[n:]
	}
}

// FuzzDecode looks for entries that harm who reads them: each event takes bytes of
// the entry, and its text is no longer than those.
func FuzzDecode(f *testing.F) {
	payload, _ := encode([]chat.Event{{Text: "ab", Offset: 300}, {Kind: chat.KindReasoning, Text: "ü"}}, maxEntry)
	f.Add(string(payload))
	f.Add(string(payload[:len(payload)-1]))
	f.Add("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00")
	f.Add("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")
	f.Add("\x02\xff\xff\xff\xff\xff\x0fx")
	f.Fuzz(func(t *testing.T, payload string) {
		events, err := decode(payload)
		if err != nil {
			if events != nil {
				t.Error("events came with an error")
			}
			return
		}
		const least = 2
		size := 0
		for _, event := range events {
			size += least + len(event.Text)
			if event.Type != chat.EventChunk || event.Kind > chat.KindReasoning {
				t.Errorf("read %+v", event)
			}
		}
		if size > len(payload) {
			t.Errorf("%d bytes gave events of %d", len(payload), size)
		}
	})
}
