package llm_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm"
	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/problem"
)

// FuzzStream reads any bytes as a stream, cut anywhere: texts are valid UTF-8, the end
// is told once, and the cut makes no difference.
func FuzzStream(f *testing.F) {
	for _, recording := range llmtest.Recordings(f) {
		f.Add(recording.Body, uint(len(recording.Body)/2))
	}
	f.Fuzz(func(t *testing.T, stream []byte, at uint) {
		whole := told(t, bytes.NewReader(stream))
		at = min(at, uint(len(stream)))
		if cut := told(t, io.MultiReader(bytes.NewReader(stream[:at]), bytes.NewReader(stream[at:]))); cut != whole {
			t.Errorf("split at %d, heard\n%s\nwant\n%s", at, cut, whole)
		}
	})
}

// told checks what is told of a stream, and writes it down.
func told(t *testing.T, body io.Reader) string {
	t.Helper()
	client := &llm.Client{OpenRouter: true, HTTP: &http.Client{Transport: canned{body}}}
	var finishes, failures int
	checked := func(yield func(chat.Delta, error) bool) {
		for delta, err := range client.Complete(t.Context(), ask("m", "Hi")) {
			finishes, failures = check(t, delta, err, finishes, failures)
			if !yield(delta, err) {
				return
			}
		}
	}
	heard := written(checked)
	if finishes+failures != 1 {
		t.Errorf("it finishes %d times and fails %d times", finishes, failures)
	}
	return heard
}

func check(t *testing.T, delta chat.Delta, err error, finishes, failures int) (finished, failed int) {
	t.Helper()
	for _, text := range []string{delta.Text, delta.Reasoning, delta.GenerationID, delta.Model, delta.FinishReason, delta.ReasoningDetails} {
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			t.Errorf("told was %q", text)
		}
	}
	if err != nil {
		if problem.From(err).Kind == problem.Internal {
			t.Errorf("it fails with %v", err)
		}
		return finishes, failures + 1
	}
	if delta.FinishReason != "" {
		return finishes + 1, failures
	}
	return finishes, failures
}
