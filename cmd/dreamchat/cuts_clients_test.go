package main_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
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
	var streams []stream
	for i, told := range tellings {
		ticket := want[struct{ Ticket string }](user, http.StatusCreated, http.MethodPost, "/api/v1/auth/stream-tickets",
			map[string]string{"path": strings.TrimPrefix(told.streamURL, told.reader.URL)})
		streams = append(streams, stream{
			Name: told.conversation.ID, URL: told.streamURL + "?ticket=" + ticket.Ticket, Closes: i%2 == 0,
		})
	}
	return streams
}

// questions are the streams for a client that sends its question again.
func questions(user *client, tellings []*telling) []stream {
	var streams []stream
	for _, told := range tellings {
		streams = append(streams, stream{
			Name: told.conversation.ID, URL: told.reader.URL + told.path(), Body: `{"content":"` + wish + `"}`,
			Headers: map[string]string{
				"Authorization": "Bearer " + user.session.AccessToken, "Content-Type": "application/json",
				"Idempotency-Key": told.conversation.ID,
			},
		})
	}
	return streams
}

// readInNode runs one of the clients of testdata/clients/node.mjs.
func readInNode(name string) audience {
	return func(t *testing.T, _ *scene, user *client, tellings []*telling) func(*testing.T) []reading {
		t.Helper()
		node := program(t, "nodejs", "node")
		if _, err := os.Stat(filepath.Join("..", "..", ".tools", "node_modules", "eventsource", "package.json")); err != nil {
			t.Fatal("the packages of npm are missing: run .ci/npm")
		}
		streams := eventSources
		if name == "fetch" {
			streams = questions
		}
		job, err := json.Marshal(map[string]any{"client": name, "streams": streams(user, tellings)})
		if err != nil {
			t.Fatal(err)
		}
		var told, complaint bytes.Buffer
		command := exec.Command(node, filepath.Join("testdata", "clients", "node.mjs"))
		command.Stdin, command.Stdout, command.Stderr = bytes.NewReader(job), &told, &complaint
		exited := spawn(t, command)
		return func(t *testing.T) []reading {
			t.Helper()
			select {
			case <-exited:
			case <-time.After(patience):
				t.Fatal("node does not end")
			}
			var readings []reading
			if err := json.Unmarshal(told.Bytes(), &readings); err != nil {
				t.Fatalf("node told %.200q: %v\n%s", told.Bytes(), err, complaint.Bytes())
			}
			return readings
		}
	}
}
