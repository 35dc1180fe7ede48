package main_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/auth"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/sse"
)

const password = "a long and secret password"

// client sends requests to a process, as somebody or as nobody. Every exchange
// is held to the OpenAPI document.
type client struct {
	url     string
	session auth.Session

	tb   testing.TB
	http *http.Client
}

// nobody is a caller without a token.
func (p *process) nobody() *client {
	p.tb.Helper()
	transport := &http.Transport{DisableCompression: true}
	p.tb.Cleanup(transport.CloseIdleConnections)
	return &client{
		url: p.URL, tb: p.tb,
		http: &http.Client{Transport: apitest.LoadContract(p.tb).Transport(p.tb, transport), Timeout: limit},
	}
}

// register makes an account of that name.
func (p *process) register(name string) *client {
	p.tb.Helper()
	c := p.nobody()
	c.session = want[auth.Session](c, http.StatusCreated, http.MethodPost, "/api/v1/auth/register",
		map[string]string{"username": name, "email": name + "@example.com", "password": password})
	return c
}

// as is the caller of another process.
func (p *process) as(other *client) *client {
	p.tb.Helper()
	c := p.nobody()
	c.session = other.session
	return c
}

// send sends a request with a JSON body, or none. Headers are "Name: value".
func (c *client) send(method, path string, body any, headers ...string) *http.Response {
	c.tb.Helper()
	request, err := c.request(c.tb.Context(), method, path, body, headers...)
	if err != nil {
		c.tb.Fatal(err)
	}
	response, err := c.http.Do(request)
	if err != nil {
		c.tb.Fatalf("%s %s: %v", method, path, err)
	}
	c.tb.Cleanup(func() { _ = response.Body.Close() })
	return response
}

func (c *client) request(ctx context.Context, method, path string, body any, headers ...string) (*http.Request, error) {
	var content io.Reader = http.NoBody
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		content = strings.NewReader(string(text))
	}
	request, err := http.NewRequestWithContext(ctx, method, c.url+path, content)
	if err != nil {
		return nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if c.session.AccessToken != "" {
		request.Header.Set("Authorization", "Bearer "+c.session.AccessToken)
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Set(name, value)
	}
	return request, nil
}

// reply sends a request that must be answered with this status, and returns the
// body of the answer.
func (c *client) reply(status int, method, path string, body any, headers ...string) []byte {
	c.tb.Helper()
	response := c.send(method, path, body, headers...)
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != status {
		c.tb.Fatalf("%s %s: status %d, want %d: %s, %v", method, path, response.StatusCode, status, text, err)
	}
	_ = response.Body.Close() // read to its end
	return text
}

// want is reply for JSON.
func want[T any](c *client, status int, method, path string, body any, headers ...string) T {
	c.tb.Helper()
	var into T
	text := c.reply(status, method, path, body, headers...)
	if err := json.Unmarshal(text, &into); err != nil {
		c.tb.Fatalf("%s %s: %v: %s", method, path, err, text)
	}
	return into
}

func (c *client) conversation() chat.Conversation {
	c.tb.Helper()
	return want[chat.Conversation](c, http.StatusCreated, http.MethodPost, "/api/v1/conversations", map[string]any{})
}

func (c *client) list() chat.ConversationPage {
	c.tb.Helper()
	return want[chat.ConversationPage](c, http.StatusOK, http.MethodGet, "/api/v1/conversations", nil)
}

func (c *client) message(id string) chat.Message {
	c.tb.Helper()
	return want[chat.Message](c, http.StatusOK, http.MethodGet, "/api/v1/messages/"+id, nil)
}

// ask sends a question and opens the stream of the answer.
func (c *client) ask(conversationID, question string) *events {
	c.tb.Helper()
	return c.events(http.MethodPost, "/api/v1/conversations/"+conversationID+"/messages", map[string]string{"content": question})
}

// follow opens the stream of an answer, after the event with this id.
func (c *client) follow(messageID, after string) *events {
	c.tb.Helper()
	path := "/api/v1/messages/" + messageID + "/events"
	if after == "" {
		return c.events(http.MethodGet, path, nil)
	}
	return c.events(http.MethodGet, path, nil, "Last-Event-ID: "+after)
}

func (c *client) events(method, path string, body any, headers ...string) *events {
	c.tb.Helper()
	response := c.send(method, path, body, headers...)
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(response.Body)
		c.tb.Fatalf("%s %s: status %d: %s", method, path, response.StatusCode, text)
	}
	return &events{tb: c.tb, body: response.Body, reader: sse.NewReader(response.Body, 1<<20)}
}

// events is a stream that is being read.
type events struct {
	// Text is what the chunks so far make.
	Text string

	tb     testing.TB
	body   io.Closer
	reader *sse.Reader
}

// event is one of them.
type event struct {
	ID, Name string
	Data     struct {
		MessageID, Kind, Chunk, Content, Code, Reason, Model, FinishReason string

		Offset, Length int
		SHA256         string
		Retryable      bool
	}
}

// next reads one event; at the end of the stream it has no name.
func (s *events) next() event {
	s.tb.Helper()
	raw, err := s.reader.Next()
	if err != nil {
		_ = s.body.Close() // read to its end
		return event{}
	}
	got := event{ID: string(raw.ID), Name: string(raw.Name)}
	if err := json.Unmarshal(raw.Data, &got.Data); err != nil {
		s.tb.Fatalf("%s: %v: %s", got.Name, err, raw.Data)
	}
	if got.Name == "stream_chunk" && got.Data.Kind == "text" {
		s.Text += got.Data.Chunk
	}
	return got
}

// until reads to the first event of this name.
func (s *events) until(name string) event {
	s.tb.Helper()
	for {
		got := s.next()
		if got.Name == name {
			return got
		}
		if got.Name == "" {
			s.tb.Fatalf("the stream ended without %s, after %q", name, s.Text)
		}
	}
}

// textIs reads until the chunks make this text.
func (s *events) textIs(text string) {
	s.tb.Helper()
	for s.Text != text {
		if s.next().Name == "" {
			s.tb.Fatalf("the stream ended with %q, want %q", s.Text, text)
		}
	}
}
