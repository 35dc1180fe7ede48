package apitest

import (
	"bytes"
	"io"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
)

// follow returns the body of an event stream that is checked as it is read.
// The schema describes its events.
func (x *exchange) follow(schema *openapi3.Schema) io.ReadCloser {
	complain := func(format string, values ...any) {
		x.complain("stream: "+format, values...)
	}
	events := eventRules{complain: complain, branches: schema.OneOf}
	var rules streamRules
	switch {
	case x.response.Header.Get("X-Vercel-Ai-Ui-Message-Stream") != "":
		rules = &uiRules{completionRules: completionRules{complain: complain, schema: schema}}
	case len(schema.OneOf) == 0:
		rules = &completionRules{complain: complain, schema: schema}
	case branch(schema.OneOf, "feed_reset") != nil:
		rules = &changeRules{eventRules: events}
	default:
		rules = &messageRules{eventRules: events}
	}
	return &checkedBody{body: x.response.Body, lines: lines{complain: complain, rules: rules}}
}

// streamRules are what the events of one kind of stream must obey.
type streamRules interface {
	event(frame)
	// end tells that nothing more is read, and whether the server has ended
	// the stream or the client has left.
	end(byServer bool)
}

// frame is one event as it stands in the stream.
type frame struct {
	// number counts the events from 1, size is in bytes, without comments.
	number, size int
	// fields holds the values by name.
	fields map[string]string
}

// checkedBody passes a body on. Its methods may be called concurrently, as those of
// a body may.
type checkedBody struct {
	body  io.ReadCloser
	mu    sync.Mutex
	lines lines
	ended bool
}

// Read implements io.Reader.
func (s *checkedBody) Read(p []byte) (int, error) {
	n, err := s.body.Read(p)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines.write(p[:n])
	if err != nil {
		s.end(err == io.EOF)
	}
	return n, err
}

// Close implements io.Closer.
func (s *checkedBody) Close() error {
	err := s.body.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end(false)
	return err
}

func (s *checkedBody) end(byServer bool) {
	if s.ended {
		return
	}
	s.ended = true
	if byServer && (s.lines.current.size > 0 || len(s.lines.rest) > 0) {
		s.lines.complain("it ends within an event")
	}
	s.lines.rules.end(byServer)
}

// lines cuts a stream into events, more strictly than a client would.
type lines struct {
	complain func(format string, values ...any)
	rules    streamRules
	rest     []byte
	current  frame
}

func (l *lines) write(piece []byte) {
	l.rest = append(l.rest, piece...)
	for {
		line, rest, found := bytes.Cut(l.rest, []byte{'\n'})
		if !found {
			return
		}
		l.line(string(line))
		l.rest = rest
	}
}

func (l *lines) line(line string) {
	switch {
	case strings.ContainsRune(line, '\r'):
		l.complain("there is a CR in the line %q", line)
	case line == "" && l.current.size == 0:
		l.complain("a blank line ends no event, and some clients make one of it")
	case line == "":
		number := l.current.number + 1
		l.current.number = number
		l.rules.event(l.current)
		l.current = frame{number: number}
	case strings.HasPrefix(line, ":"):
		if line != ": hb" {
			l.complain("the comment %q is not the heartbeat", line)
		}
	default:
		l.field(line)
	}
}

func (l *lines) field(line string) {
	name, value, found := strings.Cut(line, ": ")
	if _, twice := l.current.fields[name]; twice || !found {
		l.complain("the line %.80q repeats a field or is none", line)
	}
	if l.current.fields == nil {
		l.current.fields = make(map[string]string)
	}
	l.current.fields[name] = value
	l.current.size += len(line) + 1
}
