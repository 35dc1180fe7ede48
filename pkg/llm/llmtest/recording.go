package llmtest

import (
	"bufio"
	"bytes"
	"embed"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
)

//go:embed testdata/*.http
var recorded embed.FS

// Recording is a whole response in the shape in which a provider sends it: an
// answer with its quirks, or a refusal.
type Recording struct {
	// Name tells the provider and what it does, as in "ollama-error-in-stream".
	Name   string
	Status int
	Header http.Header
	Body   []byte
}

// Recordings returns all that there are, by name.
func Recordings(tb testing.TB) []Recording {
	tb.Helper()
	files, err := recorded.ReadDir("testdata")
	if err != nil {
		tb.Fatalf("llmtest: %v", err)
	}
	all := make([]Recording, 0, len(files))
	for _, file := range files {
		all = append(all, Recorded(tb, strings.TrimSuffix(file.Name(), ".http")))
	}
	return all
}

// Recorded returns the recording of that name; one that is not there ends the test.
func Recorded(tb testing.TB, name string) Recording {
	tb.Helper()
	text, err := recorded.ReadFile("testdata/" + name + ".http")
	if err != nil {
		tb.Fatalf("llmtest: %v", err)
	}
	response, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(text)), nil)
	if err != nil {
		tb.Fatalf("llmtest: %s: %v", name, err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		tb.Fatalf("llmtest: %s: %v", name, err)
	}
	return Recording{Name: name, Status: response.StatusCode, Header: response.Header, Body: body}
}

// Play sends the recording, its body in the pieces that lie between the cuts, which
// are ascending offsets.
func (r Recording) Play(cuts ...int) Step {
	return func(s *stage) {
		header := s.writer.Header()
		clear(header)
		maps.Copy(header, r.Header)
		s.writer.WriteHeader(r.Status)
		s.begun = true
		from := 0
		for _, cut := range append(cuts, len(r.Body)) {
			s.send(r.Body[from:cut])
			from = cut
		}
	}
}
