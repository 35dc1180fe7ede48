package llm_test

import (
	"bytes"
	"fmt"
	"io"
	"iter"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm"
	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/problem"
)

func transcribe(t *testing.T, client *llm.Client) string {
	t.Helper()
	return written(client.Complete(t.Context(), ask("m", "Hi")))
}

// written is an answer, a line for each thing that is told.
func written(deltas iter.Seq2[chat.Delta, error]) string {
	var lines strings.Builder
	line := func(what, told string) {
		if told != "" {
			fmt.Fprintf(&lines, "%s %s\n", what, told)
		}
	}
	quoted := func(text string) string {
		if text == "" {
			return ""
		}
		return strconv.Quote(text)
	}
	for delta, err := range deltas {
		if err != nil {
			failed := problem.From(err)
			line("fails", fmt.Sprintf("%s %q %v after %v", failed.Kind.Code(), failed.Detail, failed.Details, failed.RetryAfter))
			continue
		}
		line("generation", delta.GenerationID)
		line("model", delta.Model)
		line("reasoning", quoted(delta.Reasoning))
		line("text", quoted(delta.Text))
		if delta.CallsTool {
			line("calls", "a tool")
		}
		line("finish", delta.FinishReason)
		line("usage", usageOf(delta.Usage))
		line("details", delta.ReasoningDetails)
	}
	return lines.String()
}

func usageOf(u *chat.Usage) string {
	if u == nil {
		return ""
	}
	cost := "untold"
	if u.Cost != nil {
		cost = *u.Cost
	}
	return fmt.Sprintf("%d+%d(%d)=%d, %s", u.PromptTokens, u.CompletionTokens, u.ReasoningTokens, u.TotalTokens, cost)
}

// wanted is what is to be heard of a recording.
func wanted(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name+".txt"))
	if err != nil {
		t.Error(err)
	}
	return string(text)
}

// replayed is a transport that answers with a recording, read as it is given.
type replayed struct {
	llmtest.Recording
	body io.Reader
}

func (r replayed) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: r.Status, Header: r.Header.Clone(), Body: io.NopCloser(r.body)}, nil
}

// However the bytes of a response are cut, the same is heard.
func TestRecordingsSplitAtEveryByte(t *testing.T) {
	t.Parallel()
	for _, recording := range llmtest.Recordings(t) {
		t.Run(recording.Name, func(t *testing.T) {
			t.Parallel()
			want := wanted(t, recording.Name)
			for at := range len(recording.Body) + 1 {
				head, tail := bytes.NewReader(recording.Body[:at]), bytes.NewReader(recording.Body[at:])
				client := &llm.Client{OpenRouter: true, HTTP: &http.Client{Transport: replayed{recording, io.MultiReader(head, tail)}}}
				if got := transcribe(t, client); got != want {
					t.Fatalf("split at %d, heard\n%s\nwant\n%s", at, got, want)
				}
			}
		})
	}
}

// The same over real connections, where a cut is a write of its own.
func TestRecordingsOverHTTP(t *testing.T) {
	t.Parallel()
	for _, recording := range llmtest.Recordings(t) {
		t.Run(recording.Name, func(t *testing.T) {
			t.Parallel()
			router := llmtest.New(t)
			client := clientOf(t, router)
			want := wanted(t, recording.Name)
			for at := range len(recording.Body) + 1 {
				router.Script(recording.Play(at))
				if got := transcribe(t, client); got != want {
					t.Fatalf("split at %d, heard\n%s\nwant\n%s", at, got, want)
				}
			}
		})
	}
}
