package llm

import (
	"encoding/json"
	"net/http"

	"dreamchat/pkg/sse"
)

// demoStream writes the chunks of one answer of the demo model.
type demoStream struct {
	to    http.ResponseWriter
	id    string
	model string
	made  int64 // seconds since 1970
	buf   []byte
}

type demoChunk struct {
	ID       string         `json:"id"`
	Provider string         `json:"provider"`
	Model    string         `json:"model"`
	Object   string         `json:"object"`
	Created  int64          `json:"created"`
	Choices  []demoChoice   `json:"choices"`
	Usage    map[string]any `json:"usage,omitempty"`
}

type demoChoice struct {
	Index  int       `json:"index"`
	Delta  demoDelta `json:"delta"`
	Finish *string   `json:"finish_reason"`
}

type demoDelta struct {
	Role      string `json:"role,omitempty"`
	Content   string `json:"content"`
	Reasoning string `json:"reasoning,omitempty"`
}

// delta sends one piece and tells whether somebody still reads.
func (s *demoStream) delta(delta demoDelta) bool {
	delta.Role = "assistant"
	return s.chunk([]demoChoice{{Delta: delta}}, nil)
}

// end sends the reason of the end, the usage and the last event.
func (s *demoStream) end(finish string, usage map[string]any) {
	if s.chunk([]demoChoice{{Finish: &finish}}, nil) && s.chunk([]demoChoice{}, usage) {
		s.send([]byte("data: [DONE]\n\n"))
	}
}

func (s *demoStream) chunk(choices []demoChoice, usage map[string]any) bool {
	data, err := json.Marshal(demoChunk{
		ID:       s.id,
		Provider: "Dreamchat",
		Model:    s.model,
		Object:   "chat.completion.chunk",
		Created:  s.made,
		Choices:  choices,
		Usage:    usage,
	})
	if err != nil {
		return false
	}
	s.buf = sse.Begin(s.buf[:0], "")
	s.buf = append(s.buf, data...)
	s.buf = sse.End(s.buf)
	return s.send(s.buf)
}

func (s *demoStream) send(event []byte) bool {
	if _, err := s.to.Write(event); err != nil {
		return false
	}
	return http.NewResponseController(s.to).Flush() == nil
}
