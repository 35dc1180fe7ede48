package llm

import (
	"encoding/json"
	"net/http"
	"strings"

	"dreamchat/pkg/sse"
)

// demoStream writes the chunks of one answer of the demo model.
type demoStream struct {
	to    http.ResponseWriter
	id    string
	model string
	made  int64 // seconds since 1970
	buf   []byte
	// whole gathers the answer, to send it in one piece at the end.
	whole           bool
	text, reasoning strings.Builder
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
	Index   int        `json:"index"`
	Delta   *demoDelta `json:"delta,omitempty"`
	Message *demoDelta `json:"message,omitempty"`
	Finish  *string    `json:"finish_reason"`
}

type demoDelta struct {
	Role      string `json:"role,omitempty"`
	Content   string `json:"content"`
	Reasoning string `json:"reasoning,omitempty"`
}

// delta sends one piece and tells whether somebody still reads.
func (s *demoStream) delta(delta demoDelta) bool {
	if s.whole {
		s.text.WriteString(delta.Content)
		s.reasoning.WriteString(delta.Reasoning)
		return true
	}
	delta.Role = "assistant"
	return s.chunk([]demoChoice{{Delta: &delta}}, nil)
}

// end sends the reason of the end, the usage and the last event.
func (s *demoStream) end(finish string, usage map[string]any) {
	if s.whole {
		message := demoDelta{Role: "assistant", Content: s.text.String(), Reasoning: s.reasoning.String()}
		if body, err := s.object("chat.completion", []demoChoice{{Message: &message, Finish: &finish}}, usage); err == nil {
			s.send(body)
		}
		return
	}
	if s.chunk([]demoChoice{{Delta: new(demoDelta), Finish: &finish}}, nil) && s.chunk([]demoChoice{}, usage) {
		s.send([]byte("data: [DONE]\n\n"))
	}
}

func (s *demoStream) chunk(choices []demoChoice, usage map[string]any) bool {
	data, err := s.object("chat.completion.chunk", choices, usage)
	if err != nil {
		return false
	}
	s.buf = sse.Begin(s.buf[:0], "")
	s.buf = append(s.buf, data...)
	s.buf = sse.End(s.buf)
	return s.send(s.buf)
}

func (s *demoStream) object(kind string, choices []demoChoice, usage map[string]any) ([]byte, error) {
	return json.Marshal(demoChunk{
		ID:       s.id,
		Provider: "Dreamchat",
		Model:    s.model,
		Object:   kind,
		Created:  s.made,
		Choices:  choices,
		Usage:    usage,
	})
}

func (s *demoStream) send(event []byte) bool {
	if _, err := s.to.Write(event); err != nil {
		return false
	}
	return http.NewResponseController(s.to).Flush() == nil
}
