package main_test

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/chat"
)

// paste returns the three lines that the welcome prints, after the text.
func paste(t *testing.T, welcome string) []string {
	t.Helper()
	_, rest, _ := strings.Cut(welcome, "stream an answer:\n\n")
	lines := strings.Split(strings.TrimSpace(rest), "\n")
	if len(lines) != 3 {
		t.Fatalf("want three lines to paste:\n%s", welcome)
	}
	return lines
}

func TestANewcomerPastesThreeLines(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Fatal("install the package curl (on Debian or Ubuntu: sudo apt-get install curl): the lines that newcomers paste need it")
	}
	folder := t.TempDir()
	server := start(t, folder)
	lines := paste(t, server.stdout.String())

	shell := exec.CommandContext(t.Context(), "bash", "-c", strings.Join(lines, "\n"))
	answer, err := shell.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, strings.Join(lines, "\n"))
	}
	if got := string(answer); !strings.HasPrefix(got, "retry: 1000\nid: 1.1\nevent: message_ack\n") ||
		strings.Count(got, "event: stream_complete\n") != 1 || !strings.HasSuffix(got, "\n\n") {
		t.Fatalf("the stream:\n%s", got)
	}

	user := login(server, lines[0])
	message := user.message(submatch(t, `"messageId":"([^"]+)"`, string(answer)))
	if message.Status != chat.StatusComplete || message.ModelID != chat.DemoModelID ||
		!strings.Contains(message.Content, "demo model") || !strings.Contains(message.Content, "\n- ") {
		t.Errorf("stored: %+v", message)
	}
	wantMode(t, filepath.Join(folder, "data"), 0o700)
	wantMode(t, filepath.Join(folder, "data", "signing-key.pem"), 0o600)
	if _, err := os.Stat(filepath.Join(folder, "data", "dreamchat.db")); err != nil {
		t.Error(err)
	}

	server.stop()
	again := start(t, folder)
	if kept := again.as(user).message(message.ID); kept.Content != message.Content {
		t.Errorf("after a new start: %+v", kept)
	}
}

func TestTheLinesNameTheHostThatListens(t *testing.T) {
	t.Parallel()
	server := start(t, t.TempDir(), "HOST=127.0.0.1")
	if want := "http://127.0.0.1:" + server.Port; server.URL != want {
		t.Errorf("the welcome names %s, want %s", server.URL, want)
	}
	for _, line := range paste(t, server.stdout.String()) {
		if !strings.Contains(line, server.URL+"/") {
			t.Errorf("the line names another host: %s", line)
		}
	}
}

// login uses the account that the first of the three lines made.
func login(server *process, line string) *client {
	server.tb.Helper()
	c := server.nobody()
	c.session = want[auth.Session](c, http.StatusOK, http.MethodPost, "/api/v1/auth/login", map[string]string{
		"username": submatch(server.tb, `"username":"([^"]+)"`, line),
		"password": submatch(server.tb, `"password":"([^"]+)"`, line),
	})
	return c
}

func submatch(tb testing.TB, pattern, text string) string {
	tb.Helper()
	found := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if found == nil {
		tb.Fatalf("%s is not in %s", pattern, text)
	}
	return found[1]
}

func wantMode(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != mode {
		t.Errorf("%s has the mode %o, want %o", path, info.Mode().Perm(), mode)
	}
}

// The names of newcomers differ from start to start, so that the lines can be
// pasted each time; else the README shows what is printed.
func TestTheReadmeShowsTheSameLines(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	server := start(t, t.TempDir())
	for _, line := range paste(t, server.stdout.String()) {
		line = strings.ReplaceAll(line, server.URL, "http://localhost:3002")
		line = regexp.MustCompile(`newcomer\d+`).ReplaceAllString(line, "newcomer")
		if !strings.Contains(string(readme), line) {
			t.Errorf("README.md lacks the line\n%s", line)
		}
	}
}
