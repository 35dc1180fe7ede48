package main_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm/llmtest"
)

// behindNginx runs nginx in front of a server, with the settings that it has
// of itself, and returns its URL. Only where files lie is told.
func behindNginx(t *testing.T, server *process) string {
	t.Helper()
	path := program(t, "nginx", "nginx", "/usr/sbin/nginx")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close() // nginx takes the port
	folder := t.TempDir()
	configuration := fmt.Sprintf(`
user root;
worker_processes 1;
daemon off;
pid nginx.pid;
error_log stderr;
events {}
http {
	access_log off;
	client_body_temp_path body;
	proxy_temp_path proxy;
	fastcgi_temp_path fastcgi;
	uwsgi_temp_path uwsgi;
	scgi_temp_path scgi;
	upstream dreamchat { server 127.0.0.1:%s; }
	server {
		listen %s;
		location / { proxy_pass http://dreamchat; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; }
	}
}
`, server.Port, address)
	file := filepath.Join(folder, "nginx.conf")
	if err := os.WriteFile(file, []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.Command(path, "-p", folder, "-c", file, "-e", "stderr")
	var said output
	command.Stderr = &said
	exited := spawn(t, command)
	eventually(t, "nginx listens", func() bool {
		select {
		case <-exited:
			t.Fatalf("nginx ended:\n%s", said.String())
		default:
		}
		connection, err := net.Dial("tcp", address)
		if err == nil {
			connection.Close()
		}
		return err == nil
	})
	return "http://" + address
}

// The provider sends a chunk only once the reader has the one before it: what
// is held back anywhere never ends.
func TestNginxPassesEachChunkOnAtOnce(t *testing.T) {
	t.Parallel()
	router, turn := llmtest.New(t), make(chan struct{})
	server := start(t, t.TempDir(), openRouter(router)...)
	user := server.register("ada")
	reader := server.as(user)
	reader.url = behindNginx(t, server)
	reader.http = &http.Client{Timeout: limit} // nginx adds a header that the contract does not know

	chunks := []string{"one ", "two ", "three"}
	var script []llmtest.Step
	for _, chunk := range chunks {
		script = append(script, llmtest.Wait(turn), llmtest.Text(chunk))
	}
	const runs = 5
	var delays []time.Duration
	for range runs {
		router.Script(append(slices.Clone(script), llmtest.Finish("stop"), llmtest.Done())...)
		conversation := want[chat.Conversation](reader, http.StatusCreated, http.MethodPost, "/api/v1/conversations",
			map[string]string{"title": "Numbers"})
		stream := reader.ask(conversation.ID, "Count")
		if got := stream.next(); got.Name != "message_ack" {
			t.Fatalf("before the first chunk comes %+v", got)
		}
		for i := range chunks {
			sent := time.Now()
			turn <- struct{}{}
			stream.textIs(strings.Join(chunks[:i+1], ""))
			if i == 0 {
				delays = append(delays, time.Since(sent))
			}
		}
		stream.until("stream_complete")
	}
	slices.Sort(delays)
	t.Logf("the first chunk takes %v, in the median %v", delays, delays[runs/2])
	// The best of them: others may keep this machine busy.
	if delays[0] > 50*time.Millisecond {
		t.Errorf("the first chunk takes %v at best", delays[0])
	}
}
