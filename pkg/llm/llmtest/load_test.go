package llmtest_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"dreamchat/pkg/llm/llmtest"
)

// pieces returns the texts of a stream's chunks, which must be whole.
func pieces(t *testing.T, stream string) []string {
	t.Helper()
	var texts []string
	for line := range strings.Lines(stream) {
		data, ok := strings.CutPrefix(line, "data: {")
		if !ok {
			continue
		}
		var chunk struct {
			Choices []struct {
				Delta struct{ Content *string }
			}
		}
		if err := json.Unmarshal([]byte("{"+data), &chunk); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if len(chunk.Choices) > 0 && chunk.Choices[0].Delta.Content != nil {
			texts = append(texts, *chunk.Choices[0].Delta.Content)
		}
	}
	if !strings.HasSuffix(stream, "data: [DONE]\n\n") {
		t.Errorf("the stream has no end: %q", stream)
	}
	return texts
}

func serve(t *testing.T, load llmtest.Load, body string) *http.Response {
	t.Helper()
	server := httptest.NewServer(load)
	t.Cleanup(server.Close)
	return post(t, server.URL+"/v1", body)
}

func TestLoadSendsTheChunksItIsToldTo(t *testing.T) {
	t.Parallel()
	load := llmtest.Load{Chunks: 20, ChunkBytes: 8, First: time.Millisecond, Delay: time.Millisecond, Comment: "OPENROUTER PROCESSING"}
	stream := read(t, serve(t, load, `{}`))
	texts := pieces(t, stream)
	if len(texts) != 20 || len(texts[0]) != 8 || !strings.HasPrefix(stream, ": OPENROUTER PROCESSING\n\n") {
		t.Errorf("%d chunks, %q", len(texts), stream)
	}
}

func TestLoadStampsItsChunks(t *testing.T) {
	t.Parallel()
	began := time.Now().UnixNano()
	texts := pieces(t, read(t, serve(t, llmtest.Load{Chunks: 3, ChunkBytes: 30, Delay: time.Millisecond, Stamp: true}, `{}`)))
	last := began
	for _, text := range texts {
		at, err := strconv.ParseInt(text[:llmtest.StampWidth], 10, 64)
		if err != nil || at < last || at > time.Now().UnixNano() || len(text) != 30 {
			t.Errorf("stamp of %q: %d after %d, %v", text, at, last, err)
		}
		last = at
	}
}

func TestPromptMayAskForItsOwnAnswer(t *testing.T) {
	t.Parallel()
	load := llmtest.Load{Chunks: 1000, Delay: time.Hour}
	prompt := `{"messages":[{"role":"user","content":"Hi fake: chunks=2 bytes=3 delay=1ms first=1ms"}],"stream":true}`
	if texts := pieces(t, read(t, serve(t, load, prompt))); len(texts) != 2 || len(texts[1]) != 3 {
		t.Errorf("got %q", texts)
	}
	if response := serve(t, load, `{"content":"fake: status=529"}`); response.StatusCode != 529 {
		t.Errorf("got %s", response.Status)
	}
	if texts := pieces(t, read(t, serve(t, load, `{"content":"fake: chunks=-1 bytes=-5"}`))); len(texts) != 0 {
		t.Errorf("got %q", texts)
	}
}

func TestLoadFailsAsOftenAsItIsTold(t *testing.T) {
	t.Parallel()
	if response := serve(t, llmtest.Load{ErrorRate: 1}, `{}`); response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("got %s", response.Status)
	}
}
