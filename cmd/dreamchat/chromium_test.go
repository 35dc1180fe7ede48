package main_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// page is the web page that Chromium reads streams in.
type page struct {
	URL string

	readings chan []reading
	mu       sync.Mutex
	streams  []stream
}

// newPage serves the page, on an address of its own.
func newPage(t *testing.T) *page {
	t.Helper()
	p := &page{readings: make(chan []reading, 1)}
	routes := http.NewServeMux()
	routes.Handle("GET /", http.FileServer(http.Dir("testdata/clients")))
	routes.HandleFunc("GET /streams", func(w http.ResponseWriter, _ *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		_ = json.NewEncoder(w).Encode(p.streams) // or Chromium has gone
	})
	routes.HandleFunc("POST /readings", func(_ http.ResponseWriter, request *http.Request) {
		var readings []reading
		if err := json.NewDecoder(request.Body).Decode(&readings); err != nil {
			t.Errorf("Chromium tells: %v", err)
		}
		p.readings <- readings
	})
	server := httptest.NewServer(routes)
	t.Cleanup(server.Close)
	p.URL = server.URL
	return p
}

// readInChromium reads with the EventSource of a browser, from another origin.
func readInChromium(t *testing.T, s *scene, user *client, tellings []*telling) func(*testing.T) []reading {
	t.Helper()
	path := program(t, "chromium", "chromium", "google-chrome", "google-chrome-stable", "chromium-browser")
	s.page.mu.Lock()
	s.page.streams = eventSources(user, tellings)
	s.page.mu.Unlock()

	// What it leaves behind goes, too.
	folder, err := os.MkdirTemp("", "chromium-*") //nolint:usetesting // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	command := exec.Command(path, "--headless", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
		"--no-first-run", "--no-proxy-server", "--disable-background-networking", "--disable-component-update",
		"--disable-breakpad", "--user-data-dir="+folder, s.page.URL+"/page.html")
	command.Env = append(os.Environ(), "TMPDIR="+folder, "HOME="+folder)
	var said output
	command.Stdout, command.Stderr = &said, &said
	exited := spawn(t, command)
	return func(t *testing.T) []reading {
		t.Helper()
		select {
		case readings := <-s.page.readings:
			return readings
		case <-exited:
			t.Fatalf("Chromium ended:\n%s", said.String())
		case <-time.After(patience):
			t.Fatalf("Chromium tells nothing:\n%s", said.String())
		}
		return nil
	}
}
