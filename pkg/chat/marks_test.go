package chat

import (
	"context"
	"encoding/json"
	"iter"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"pgregory.net/rapid"
)

// script is a provider that yields what it is told.
type script []Delta

func (s script) Complete(context.Context, Request) iter.Seq2[Delta, error] {
	return func(yield func(Delta, error) bool) {
		for _, delta := range s {
			if !yield(delta, nil) {
				return
			}
		}
	}
}

func pieces() *rapid.Generator[[]Delta] {
	text := rapid.StringOfN(rapid.RuneFrom([]rune("aé漢😀\u0301\n\"\\<\u2028\x01")), 0, 40, -1)
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Delta {
		if rapid.Bool().Draw(t, "thinks") {
			return Delta{Reasoning: text.Draw(t, "reasoning")}
		}
		return Delta{Text: text.Draw(t, "text")}
	}), 0, 60)
}

// The stream of a stored answer is the stream that was sent, event for event.
func TestStoredAnswerGivesTheSameStream(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		deltas := append(pieces().Draw(t, "deltas"), Delta{FinishReason: FinishStop})
		made := newGeneration("user", Message{ID: "m", ConversationID: "c", Seq: 2, Attempt: 1}, func(error) {})
		made.source.provider = script(deltas)
		made.stream = direct{made.log}
		if err := new(Generations).follow(context.Background(), made, Request{}); err != nil {
			t.Fatal(err)
		}
		answer, _ := made.close(nil, new(Ledger))
		_ = made.log.Seal(answer.terminal())

		sent, _, _ := made.log.Peek(0)
		again := answer.Events()
		if !slices.Equal(sent, again) {
			t.Fatalf("sent\n%v\nbuilt\n%v", sent, again)
		}
		if len(again) != answer.LastEventSeq {
			t.Fatalf("%d events, but lastEventSeq is %d", len(again), answer.LastEventSeq)
		}
	})
}

// A client that applies text.slice(0, offset) + chunk holds the text after any
// replay, merged or not, and the proof says so.
func TestChunksCarryTheWholeText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		made := newGeneration("user", Message{ID: "m", ConversationID: "c", Attempt: 1}, func(error) {})
		made.stream = direct{made.log}
		made.source.provider = script(pieces().Draw(t, "deltas"))
		_ = new(Generations).follow(context.Background(), made, Request{})
		answer, _ := made.close(nil, new(Ledger))
		events := answer.Events()
		from := rapid.IntRange(0, len(events)-1).Draw(t, "from")

		var texts [2][]uint16
		apply := func(event Event) {
			if event.Type == EventChunk {
				held := texts[event.Kind]
				texts[event.Kind] = append(held[:event.Offset], utf16.Encode([]rune(event.Text))...)
			}
		}
		for _, event := range events[:from] {
			apply(event)
		}
		for _, event := range Merge(events[from:], from+1) {
			apply(event)
		}
		if got := string(utf16.Decode(texts[KindText])); got != answer.Content {
			t.Fatalf("the client holds %q, the row %q", got, answer.Content)
		}
		if got := string(utf16.Decode(texts[KindReasoning])); got != answer.Reasoning {
			t.Fatalf("the client holds the reasoning %q, the row %q", got, answer.Reasoning)
		}
		var proof Proof
		if err := json.Unmarshal([]byte(events[len(events)-1].Text), &proof); err != nil {
			t.Fatal(err)
		}
		if proof.Length != len(texts[KindText]) {
			t.Fatalf("length is %d, the client has %d units", proof.Length, len(texts[KindText]))
		}
	})
}

func TestTextWithoutMarksIsCutAnyhow(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x😀", 5000)
	answer := Message{Content: long, Status: StatusComplete}
	events := answer.Events()
	var text strings.Builder
	for _, event := range events[1 : len(events)-1] {
		if len(event.Text) > maxChunk {
			t.Errorf("a chunk of %d bytes", len(event.Text))
		}
		text.WriteString(event.Text)
	}
	if text.String() != long {
		t.Error("the text is not whole")
	}
}

func TestQuotedTextIsJSON(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		var back string
		if err := json.Unmarshal(appendQuoted(nil, text), &back); err != nil || back != text {
			t.Fatalf("%q came back as %q: %v", text, back, err)
		}
		if n := len(utf16.Encode([]rune(text))); units(text) != n {
			t.Fatalf("%q has %d units, want %d", text, units(text), n)
		}
	})
}

func TestNoFrameIsOver16KiB(t *testing.T) {
	t.Parallel()
	feed := Feed{ConversationID: strings.Repeat("c", 36), MessageID: strings.Repeat("m", 36)}
	worst := Message{Content: strings.Repeat("\x01", 60_000), Status: StatusComplete, FinishReason: FinishStop}
	for seq, event := range Merge(worst.Events(), 1) {
		if n := len(feed.AppendPayload(nil, seq, event)); n > 16<<10-100 {
			t.Errorf("%s %d takes %d bytes", event.Type, seq, n)
		}
	}
}
