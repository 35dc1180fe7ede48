package chat

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"

	"dreamchat/pkg/problem"
	"dreamchat/pkg/stream"
)

func TestTapShowsNothingBeforeItIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := new(stream.Log[Event])
		_ = log.Append(Event{})
		tap := newTap(log)
		var shown []string
		go func() {
			for {
				chunks, err := tap.Next(t.Context())
				if err != nil {
					shown = append(shown, err.Error())
					return
				}
				shown = append(shown, string(bytes.Join(chunks, []byte("+"))))
			}
		}()
		expect := func(want ...string) {
			t.Helper()
			synctest.Wait()
			if len(shown) != len(want) {
				t.Fatalf("shown is %q, want %q", shown, want)
			}
			for i := range want {
				if shown[i] != want[i] {
					t.Fatalf("shown is %q, want %q", shown, want)
				}
			}
		}
		data := []byte("role")
		tap.put(data, 1, false)
		expect("role")
		copy(data, "xxxx") // it holds until the next delta only
		tap.put([]byte("a"), 2, false)
		tap.put([]byte("call"), 2, false)
		tap.put([]byte("b"), 3, true)
		expect("role")
		_ = log.Append(Event{})
		expect("role", "a+call")
		tap.end(nil)
		expect("role", "a+call")
		_ = log.Append(Event{})
		expect("role", "a+call", "b", io.EOF.Error())
		if !tap.Finished() {
			t.Error("its end was not noticed")
		}
	})
}

func TestTapOfALogThatBreaks(t *testing.T) {
	t.Parallel()
	log := new(stream.Log[Event])
	tap := newTap(log)
	tap.put([]byte("a"), 1, false)
	log.Break(errLost)
	if _, err := tap.Next(t.Context()); !errors.Is(err, errLost) {
		t.Errorf("it ends with %v", err)
	}
}

func TestTapGivesUpOnASlowReader(t *testing.T) {
	t.Parallel()
	log := new(stream.Log[Event])
	_ = log.Append(Event{})
	tap := newTap(log)
	piece := make([]byte, maxTapped/4+1)
	for range 5 {
		tap.put(piece, 1, false)
	}
	tap.end(nil)
	chunks, err := tap.Next(t.Context())
	if len(chunks) != 3 || err != nil {
		t.Errorf("%d pieces, %v", len(chunks), err)
	}
	if _, err := tap.Next(t.Context()); !errors.Is(err, problem.TooMany) {
		t.Errorf("it ends with %v", err)
	}
}

func TestTapIsLeft(t *testing.T) {
	t.Parallel()
	tap := newTap(new(stream.Log[Event]))
	ctx, leave := context.WithCancel(t.Context())
	leave()
	if _, err := tap.Next(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("it ends with %v", err)
	}
	tap.Close()
	tap.put(make([]byte, 100), 1, false)
	if len(tap.pieces) != 0 {
		t.Error("it goes on gathering")
	}
	var none *Tap
	none.put(nil, 1, true)
	none.end(nil)
}

func TestToolCallsArePutTogether(t *testing.T) {
	t.Parallel()
	var calls toolCalls
	calls.add([]ToolCall{{Index: 1, ID: "b", Type: "function", Name: "g", Arguments: "{"}, {Index: 0, ID: "a"}})
	calls.add([]ToolCall{{Index: 1, Arguments: "}"}, {Index: 0, Name: "f", Arguments: "1"}})
	answer := Message{Metadata: calls.keep(Metadata{"k": "v"})}
	want := []ToolCall{{Index: 0, ID: "a", Name: "f", Arguments: "1"}, {Index: 1, ID: "b", Type: "function", Name: "g", Arguments: "{}"}}
	got := answer.ToolCalls()
	if len(got) != 2 || got[0] != want[0] || got[1] != want[1] || answer.Metadata["k"] != "v" || answer.Metadata[metadataCallsCut] != nil {
		t.Errorf("kept is %+v", answer.Metadata)
	}
	for range 2 {
		calls.add([]ToolCall{{Index: 1, Arguments: string(make([]byte, maxToolBytes/2))}})
	}
	answer.Metadata = calls.keep(nil)
	if n := len(answer.ToolCalls()[1].Arguments); n != 2+maxToolBytes/2 || answer.Metadata[metadataCallsCut] != true {
		t.Errorf("%d bytes are kept, %v", n, answer.Metadata[metadataCallsCut])
	}
	if (&Message{}).ToolCalls() != nil || calls.keep(nil) == nil {
		t.Error("calls come from nowhere")
	}
}
