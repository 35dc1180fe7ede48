package main_test

import (
	"bufio"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/id"
)

// aiNode is a Node.js that holds chats of the AI SDK and does as it is told.
type aiNode struct {
	tb     testing.TB
	calls  io.Writer
	said   <-chan []byte
	stderr *output
}

// startAISDK starts it with the chats of one package: see
// testdata/clients/aisdk.mjs for their names.
func startAISDK(t *testing.T, name string) *aiNode {
	t.Helper()
	if _, err := os.Stat(filepath.Join("..", "..", ".tools", "node_modules", "ai-sdk-svelte-5", "package.json")); err != nil {
		t.Fatal("the packages of npm are missing: run .ci/npm")
	}
	s := &aiNode{tb: t, stderr: new(output)}
	command := exec.Command(program(t, "nodejs", "node"), filepath.Join("testdata", "clients", "aisdk.mjs"), name)
	calls, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	told, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	command.Stderr = s.stderr
	spawn(t, command)
	said := make(chan []byte)
	go func() {
		defer close(said)
		for lines := bufio.NewReader(told); ; {
			line, err := lines.ReadBytes('\n')
			if err != nil {
				return
			}
			said <- line
		}
	}()
	s.calls, s.said = calls, said
	return s
}

// in is the same for a subtest.
func (s *aiNode) in(tb testing.TB) *aiNode {
	told := *s
	told.tb = tb
	return &told
}

// call has something done and reads what it returns.
func (s *aiNode) call(name string, arguments map[string]any, into any) {
	s.tb.Helper()
	arguments["call"] = name
	line, err := json.Marshal(arguments)
	if err != nil {
		s.tb.Fatal(err)
	}
	if _, err := s.calls.Write(append(line, '\n')); err != nil {
		s.tb.Fatalf("%s: %v\n%s", name, err, s.stderr.String())
	}
	select {
	case said, ok := <-s.said:
		reply := struct{ Value any }{into}
		if err := json.Unmarshal(said, &reply); !ok || err != nil {
			s.tb.Fatalf("%s: %v: %s\n%s", name, err, said, s.stderr.String())
		}
	case <-time.After(limit):
		s.tb.Fatalf("%s does not end\n%s", name, s.stderr.String())
	}
}

// aiChat is one chat there.
type aiChat struct {
	*aiNode
	name string
}

// options are those of a chat of this user on an instance.
func (c *client) options(base, chat string) map[string]any {
	return map[string]any{
		"id": chat, "api": base + "/api/v1/ai/chat",
		"headers": map[string]string{"Authorization": "Bearer " + c.session.AccessToken},
	}
}

func (s *aiNode) open(options map[string]any) *aiChat {
	s.tb.Helper()
	c := &aiChat{aiNode: s, name: id.New()}
	s.call("open", map[string]any{"chat": c.name, "options": options}, nil)
	return c
}

// begin calls a method of the chat and does not wait for its end.
func (c *aiChat) begin(method string, arguments ...any) {
	c.tb.Helper()
	c.call("begin", map[string]any{"chat": c.name, "method": method, "args": append([]any{}, arguments...)}, nil)
}

func (c *aiChat) state(call, text string) aiState {
	c.tb.Helper()
	var state aiState
	c.call(call, map[string]any{"chat": c.name, "text": text}, &state)
	return state
}

// settle waits for the end of what was begun last, until for a text of the newest
// message.
func (c *aiChat) settle() aiState           { c.tb.Helper(); return c.state("settle", "") }
func (c *aiChat) until(text string) aiState { c.tb.Helper(); return c.state("until", text) }

// do is begin and settle.
func (c *aiChat) do(method string, arguments ...any) aiState {
	c.tb.Helper()
	c.begin(method, arguments...)
	return c.settle()
}

// says is the argument of sendMessage.
func says(text string) map[string]string { return map[string]string{"text": text} }

// aiState is what a chat holds.
type aiState struct {
	Status, Error string
	Messages      []aiMessage
	Ends          []struct {
		IsAbort, IsDisconnect, IsError bool
		FinishReason, Thrown           string
	}
}

type aiMessage struct {
	ID       string         `json:"id"`
	Role     string         `json:"role"`
	Metadata map[string]any `json:"metadata,omitempty"`
	Parts    []aiPart       `json:"parts"`
}

type aiPart struct {
	Type  string `json:"type"`
	Text  string `json:"text,omitempty"`
	State string `json:"state,omitempty"`
}

// text is what the parts of a type make.
func (m *aiMessage) text(kind string) string {
	var text strings.Builder
	for _, part := range m.Parts {
		if part.Type == kind {
			text.WriteString(part.Text)
		}
	}
	return text.String()
}

func (s *aiState) last() *aiMessage { return &s.Messages[len(s.Messages)-1] }

// equals fails the test unless the chat holds what the server shows of its
// conversation, message by message, and is in this status.
func (s *aiState) equals(tb testing.TB, on *client, status string) {
	tb.Helper()
	if s.Status != status || len(s.Messages) == 0 {
		tb.Fatalf("the chat is %s (%s) with %d messages, want %s", s.Status, s.Error, len(s.Messages), status)
	}
	conversationID, _ := s.last().Metadata["conversationId"].(string)
	stored := on.messages(conversationID)
	if len(stored) != len(s.Messages) {
		tb.Fatalf("the chat holds %d messages, the server %d", len(s.Messages), len(stored))
	}
	for i, message := range stored {
		message.equals(tb, &s.Messages[i])
	}
}

type storedMessage struct{ chat.Message }

func (m storedMessage) equals(tb testing.TB, held *aiMessage) {
	tb.Helper()
	if held.ID != m.ID && (m.Role == chat.RoleAssistant || held.ID != m.ClientID) {
		tb.Errorf("the chat calls it %s, the server %s and %q", held.ID, m.ID, m.ClientID)
	}
	if held.Role != string(m.Role) || held.text("text") != m.Content || held.text("reasoning") != m.Reasoning {
		tb.Errorf("the chat holds %+v, the server %s: %q, %q", held, m.Role, m.Content, m.Reasoning)
	}
	if m.Role == chat.RoleUser {
		return
	}
	if held.Metadata["messageId"] != m.ID || held.Metadata["sha256"] != proofOf(m.Content).SHA256 {
		tb.Errorf("the metadata are %v, the server holds %q", held.Metadata, m.Content)
	}
	for _, part := range held.Parts {
		if part.Type != "step-start" && part.State != "done" {
			tb.Errorf("the part %+v is not done", part)
		}
	}
}
