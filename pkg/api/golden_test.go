package api_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"dreamchat/pkg/api"
	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/llm/llmtest"
)

// What stands on the wire, byte for byte: the head of the response, and each
// event. Ids and times are masked.
func TestStreamOnTheWire(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Limits: new(apitest.Limits)}) // what is left of them changes with time
	release := make(chan struct{})
	s.Router.Script(llmtest.Wait(release),
		llmtest.Reasoning("Let me see."), llmtest.Text("Hello", ` "wörld" `, "😀\n<\\>"),
		llmtest.Finish("stop"), llmtest.Usage(3, 5, 1, "0.000123"), llmtest.Done())
	user := s.User()
	conn := dial(t, s)
	ask(conn, s, user, user.Conversation().ID, "Hi")

	wire := bufio.NewReader(conn)
	head := block(t, wire, "\r\n\r\n")
	body := bufio.NewReader(httputil.NewChunkedReader(wire))
	ack := block(t, body, "\n\n") // while the provider is held
	close(release)
	rest, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "stream.golden", mask(strings.ReplaceAll(head, "\r\n", "\n")+ack+string(rest)))
	if strings.ContainsRune(ack+string(rest), '\r') {
		t.Error("there is a CR in the body")
	}
}

func TestHeartbeatIsOneLine(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Change: func(server *api.Server) { server.Heartbeat = 50 * time.Millisecond }})
	release := make(chan struct{})
	s.Router.Script(llmtest.Wait(release), llmtest.Answer("Hello."))
	user := s.User()
	response := user.Open(t.Context(), "POST", "/api/v1/conversations/"+user.Conversation().ID+"/messages",
		map[string]string{"content": "Hi"})
	defer response.Body.Close()
	body := bufio.NewReader(response.Body)
	block(t, body, "\n\n")
	begun := time.Now()
	const beats = 3
	for range beats {
		if line := block(t, body, "\n"); line != ": hb\n" {
			t.Fatalf("in the silence comes %q", line)
		}
	}
	if took := time.Since(begun); took < (beats-1)*50*time.Millisecond {
		t.Errorf("%d heartbeats in %v", beats, took)
	}
	close(release)
	rest, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	next := strings.ReplaceAll(string(rest), ": hb\n", "") // more of them may have come meanwhile
	if !strings.HasPrefix(next, "id: 1.2\nevent: stream_chunk\n") {
		t.Errorf("after the heartbeats comes %q", next)
	}
}

// dial opens a connection of the test's own, so that it sees what no client
// library shows.
func dial(t *testing.T, s *apitest.Service) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

// ask sends a question as a browser would, which takes compressed answers.
func ask(conn net.Conn, s *apitest.Service, user *apitest.User, conversationID, content string) {
	body := fmt.Sprintf(`{"content":%q}`, content)
	fmt.Fprintf(conn, "POST /api/v1/conversations/%s/messages HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n"+
		"Accept: text/event-stream\r\nAccept-Encoding: gzip, deflate, br\r\nX-Request-Id: golden\r\n"+
		"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		conversationID, strings.TrimPrefix(s.URL, "http://"), user.Token, len(body), body)
}

// block reads up to and with an ending.
func block(t *testing.T, reader *bufio.Reader, ending string) string {
	t.Helper()
	var text strings.Builder
	for !strings.HasSuffix(text.String(), ending) {
		c, err := reader.ReadByte()
		if err != nil {
			t.Fatalf("the stream ends after %q: %v", text.String(), err)
		}
		text.WriteByte(c)
	}
	return text.String()
}

// mask replaces what differs from run to run: ids are numbered as they appear.
func mask(text string) string {
	text = regexp.MustCompile(`Date: .*`).ReplaceAllString(text, "Date: <date>")
	seen := make(map[string]string)
	return regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}`).ReplaceAllStringFunc(text, func(id string) string {
		if seen[id] == "" {
			seen[id] = fmt.Sprintf("<id %d>", len(seen)+1)
		}
		return seen[id]
	})
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	want, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
	}
}
