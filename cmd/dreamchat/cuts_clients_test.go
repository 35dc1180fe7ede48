package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"dreamchat/pkg/auth"
)

// stream is what a client in JavaScript is told to read.
type stream struct {
	// Name is the conversation's id.
	Name string `json:"name"`
	URL  string `json:"url"`
	// Closes tells an EventSource to close at the terminal event. Otherwise it
	// is the server that must make it stop.
	Closes bool `json:"closes"`
	// Headers and Body are those of a question.
	Headers map[string]string `json:"headers,omitempty"`
	Body    string            `json:"body,omitempty"`
}

// eventSources are the streams for an EventSource, which cannot set a header.
func eventSources(user *client, tellings []*telling) []stream {
	ask(user, tellings)
	ticket := want[struct{ Ticket string }](user, http.StatusCreated, http.MethodPost, "/api/v1/auth/stream-tickets", nil)
	var streams []stream
	for i, told := range tellings {
		streams = append(streams, stream{
			Name: told.conversation.ID, URL: told.streamURL + "?ticket=" + ticket.Ticket, Closes: i%2 == 0,
		})
	}
	return streams
}

// questions are the streams for a client that sends its question again.
func questions(session auth.Session, tellings []*telling) []stream {
	var streams []stream
	for _, told := range tellings {
		streams = append(streams, stream{
			Name: told.conversation.ID, URL: told.reader.URL + told.path(), Body: `{"content":"` + wish + `"}`,
			Headers: map[string]string{
				"Authorization": "Bearer " + session.AccessToken, "Content-Type": "application/json",
				"Idempotency-Key": told.conversation.ID,
			},
		})
	}
	return streams
}

// readInNode runs one of the clients of testdata/clients/node.mjs.
func readInNode(name string) func(*testing.T, *scene, *client, []*telling) []reading {
	return func(t *testing.T, _ *scene, user *client, tellings []*telling) []reading {
		t.Helper()
		node := program(t, "nodejs", "node")
		if _, err := os.Stat(filepath.Join("..", "..", ".tools", "node_modules", "eventsource", "package.json")); err != nil {
			t.Fatal("the packages of npm are missing: run .ci/npm")
		}
		streams := eventSources
		if name == "fetch" {
			streams = func(user *client, tellings []*telling) []stream { return questions(user.session, tellings) }
		}
		job, err := json.Marshal(map[string]any{"client": name, "streams": streams(user, tellings)})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		command := exec.CommandContext(ctx, node, filepath.Join("testdata", "clients", "node.mjs"))
		command.SysProcAttr = notOrphaned()
		var complaint bytes.Buffer
		command.Stdin, command.Stderr = bytes.NewReader(job), &complaint
		result, err := command.Output()
		if err != nil {
			t.Fatalf("node: %v\n%s", err, complaint.Bytes())
		}
		var readings []reading
		if err := json.Unmarshal(result, &readings); err != nil {
			t.Fatalf("node said %.200q: %v", result, err)
		}
		return readings
	}
}

// program finds the first of these programs that is installed. They come with
// the package of Debian.
func program(t *testing.T, pkg string, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatalf("install the package %s (on Debian or Ubuntu: sudo apt-get install %s): none of %s is there",
		pkg, pkg, strings.Join(names, ", "))
	return ""
}
