package apitest

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	"dreamchat/pkg/sse"
)

// UITurn is the turn of a client of the AI SDK that asks a question.
func UITurn(chat, messageID, text string) map[string]any {
	return map[string]any{
		"id": chat, "trigger": "submit-message",
		"messages": []any{map[string]any{
			"id": messageID, "role": "user", "parts": []any{map[string]any{"type": "text", "text": text}},
		}},
	}
}

// With returns the turn with one more field.
func With(turn map[string]any, name string, value any) map[string]any {
	changed := map[string]any{name: value}
	for field, value := range turn {
		if _, set := changed[field]; !set {
			changed[field] = value
		}
	}
	return changed
}

// UIStream is a UI message stream that a test reads.
type UIStream struct {
	*http.Response
	// Text and Reasoning are what the deltas so far make.
	Text, Reasoning string
	// MessageID is what start told.
	MessageID string
	// Done is set once [DONE] has come, and Broken if the connection was broken
	// off.
	Done, Broken bool

	reader *sse.Reader
	user   *User
}

// UIPart is one part of such a stream.
type UIPart struct {
	Type, ID, MessageID, Delta, FinishReason, ErrorText string

	MessageMetadata map[string]any
}

// UIChat sends a turn and opens the stream of the answer.
func (u *User) UIChat(ctx context.Context, turn map[string]any) *UIStream {
	u.service.tb.Helper()
	return u.uiStream(u.Open(ctx, http.MethodPost, "/api/v1/ai/chat", turn))
}

// UIResume comes back to a chat.
func (u *User) UIResume(ctx context.Context, chat string) *UIStream {
	u.service.tb.Helper()
	return u.uiStream(u.Open(ctx, http.MethodGet, "/api/v1/ai/chat/"+chat+"/stream", nil))
}

func (u *User) uiStream(response *http.Response) *UIStream {
	u.service.tb.Helper()
	u.service.tb.Cleanup(func() { _ = response.Body.Close() })
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(response.Body)
		u.service.tb.Fatalf("%s: status %d\n%s", response.Request.URL, response.StatusCode, text)
	}
	return &UIStream{Response: response, reader: sse.NewReader(response.Body, 1<<20), user: u}
}

// Next reads one part. At the end it has no type.
func (s *UIStream) Next() UIPart {
	s.user.service.tb.Helper()
	raw, err := s.reader.Next()
	switch {
	case err != nil:
		s.Broken = !errors.Is(err, io.EOF)
		return UIPart{}
	case string(raw.Data) == done:
		s.Done = true
		return s.Next()
	}
	var part UIPart
	if err := json.Unmarshal(raw.Data, &part); err != nil {
		s.user.service.tb.Fatalf("%v: %s", err, raw.Data)
	}
	switch part.Type {
	case "start":
		s.MessageID = part.MessageID
	case "text-delta":
		s.Text += part.Delta
	case "reasoning-delta":
		s.Reasoning += part.Delta
	}
	return part
}

// Until reads to the first part of this type.
func (s *UIStream) Until(name string) UIPart {
	s.user.service.tb.Helper()
	for {
		part := s.Next()
		if part.Type == name {
			return part
		}
		if part.Type == "" {
			s.user.service.tb.Fatalf("the stream ends without %s, after %q", name, s.Text)
		}
	}
}

// Rest reads to the end and returns the types of the parts, runs of deltas given
// once.
func (s *UIStream) Rest() string {
	s.user.service.tb.Helper()
	var names []string
	for part := s.Next(); part.Type != ""; part = s.Next() {
		if n := len(names); n == 0 || names[n-1] != part.Type {
			names = append(names, part.Type)
		}
	}
	return strings.Join(names, " ")
}
