package apitest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf16"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/sse"
)

// Stream is an event stream that a test reads as a client does.
type Stream struct {
	*http.Response
	// Text and Reasoning are what the chunks so far make, by offset.
	Text, Reasoning string
	// LastID is the id of the last event.
	LastID string

	reader *sse.Reader
	user   *User
}

// StreamEvent is one event with its payload.
type StreamEvent struct {
	ID, Name string
	Data     map[string]any
}

// Stream opens an event stream; the status must be 200.
func (u *User) Stream(ctx context.Context, method, path string, body any, headers ...string) *Stream {
	u.service.tb.Helper()
	response := u.Open(ctx, method, path, body, append([]string{"Accept: text/event-stream"}, headers...)...)
	u.service.tb.Cleanup(func() { _ = response.Body.Close() })
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(response.Body)
		u.service.tb.Fatalf("%s %s: status %d\n%s", method, path, response.StatusCode, text)
	}
	return &Stream{Response: response, reader: sse.NewReader(response.Body, 1<<20), user: u}
}

// Send asks a question and opens the stream of the answer.
func (u *User) Send(ctx context.Context, conversationID, content string, headers ...string) *Stream {
	u.service.tb.Helper()
	return u.Stream(ctx, http.MethodPost, "/api/v1/conversations/"+conversationID+"/messages",
		map[string]any{"content": content}, headers...)
}

// Follow opens the stream of an answer.
func (u *User) Follow(ctx context.Context, messageID string, headers ...string) *Stream {
	u.service.tb.Helper()
	return u.Stream(ctx, http.MethodGet, "/api/v1/messages/"+messageID+"/events", nil, headers...)
}

// Next reads one event and applies it. At the end of the body ok is false.
func (s *Stream) Next() (event StreamEvent, ok bool) {
	s.user.service.tb.Helper()
	raw, err := s.reader.Next()
	if err != nil {
		return StreamEvent{}, false
	}
	event = StreamEvent{ID: string(raw.ID), Name: string(raw.Name)}
	if err := json.Unmarshal(raw.Data, &event.Data); err != nil {
		s.user.service.tb.Fatalf("event %s holds no JSON: %v", raw.Name, err)
	}
	if event.ID != "" {
		s.LastID = event.ID
	}
	switch event.Name {
	case "stream_reset":
		s.Text, s.Reasoning, s.LastID = "", "", ""
	case chat.EventChunk.String():
		s.apply(event)
	}
	return event, true
}

// Rest reads to the end and returns all events.
func (s *Stream) Rest() []StreamEvent {
	s.user.service.tb.Helper()
	var events []StreamEvent
	for {
		event, ok := s.Next()
		if !ok {
			return events
		}
		events = append(events, event)
	}
}

// Last reads to the end and returns the last event.
func (s *Stream) Last() StreamEvent {
	s.user.service.tb.Helper()
	events := s.Rest()
	if len(events) == 0 {
		s.user.service.tb.Fatal("the stream has no events")
	}
	return events[len(events)-1]
}

// apply is the rule for clients: text.slice(0, offset) + chunk.
func (s *Stream) apply(event StreamEvent) {
	text := &s.Text
	if event.Data["kind"] == chat.KindReasoning.String() {
		text = &s.Reasoning
	}
	offset, _ := event.Data["offset"].(float64)
	chunk, _ := event.Data["chunk"].(string)
	held := utf16.Encode([]rune(*text))
	if int(offset) > len(held) {
		s.user.service.tb.Errorf("event %s begins at %s, but the text has %d units: a hole",
			event.ID, strconv.Itoa(int(offset)), len(held))
		return
	}
	*text = string(utf16.Decode(held[:int(offset)])) + chunk
}

// Names are the names of events, runs of chunks given once.
func Names(events []StreamEvent) string {
	var names []string
	for _, event := range events {
		if n := len(names); n == 0 || names[n-1] != event.Name {
			names = append(names, event.Name)
		}
	}
	return strings.Join(names, " ")
}
