package llmtest

import (
	"net/http"
)

// stage is where a script is played: one response.
type stage struct {
	writer  http.ResponseWriter
	request *http.Request
	begun   bool // the header is out
	over    bool // the client has left
	split   int  // bytes per write, 0 for all at once
}

// play plays the whole script, or tells that the client left before.
func play(w http.ResponseWriter, request *http.Request, script []Step) bool {
	s := &stage{writer: w, request: request}
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("X-Generation-Id", "gen-test")
	for _, step := range script {
		if step(s); s.over {
			return false
		}
	}
	return true
}

func (s *stage) delta(field, text string) {
	s.send([]byte(`data: {"id":"gen-test","provider":"Test","model":"test/model","object":"chat.completion.chunk","created":1732000000,` +
		`"choices":[{"index":0,"delta":{"role":"assistant","` + field + `":` + quote(text) +
		`},"finish_reason":null,"native_finish_reason":null,"logprobs":null}]}` + "\n\n"))
}

func (s *stage) send(data []byte) {
	if !s.begun {
		s.begun = true
		s.writer.WriteHeader(http.StatusOK)
		s.over = http.NewResponseController(s.writer).Flush() != nil
	}
	for len(data) > 0 && !s.over {
		n := len(data)
		if s.split > 0 {
			n = min(n, s.split)
		}
		_, err := s.writer.Write(data[:n])
		s.over = err != nil || http.NewResponseController(s.writer).Flush() != nil
		data = data[n:]
	}
}
