package main_test

import (
	"net/http"
	"slices"
	"syscall"
	"testing"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm/llmtest"
)

func TestSIGTERMInTheMiddleOfAnswers(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at installation) {
		router, goOn := llmtest.New(t), make(chan struct{})
		router.Script(llmtest.Text("one "), llmtest.Wait(goOn), llmtest.Text("two"), llmtest.Finish("stop"), llmtest.Done())
		router.Script(llmtest.Text("half"), llmtest.Hang())
		server := at.start(t, append(openRouter(router), "SHUTDOWN_GRACE=2s")...)
		user := server.register("ada")
		ends := user.ask(user.conversation().ID, "Count to two")
		endsID := ends.next().Data.MessageID
		ends.textIs("one ")
		hangs := user.ask(user.conversation().ID, "Say it all")
		hangsID := hangs.next().Data.MessageID
		hangs.textIs("half")

		server.terminate()
		for _, reader := range []*events{ends, hangs} {
			if got := reader.next(); got.Name != "stream_reconnect" || got.Data.Reason != "draining" {
				t.Errorf("the reader gets %+v", got)
			}
			if got := reader.next(); got.Name != "" {
				t.Errorf("and then %+v", got)
			}
		}
		close(goOn)
		if code := server.code(); code != 0 {
			t.Errorf("exit code %d:\n%s", code, server.stderr.String())
		}
		statuses := at.column(t, "SELECT status FROM messages WHERE role = 'assistant' ORDER BY id")
		if !slices.Equal(statuses, []string{"complete", "interrupted"}) {
			t.Errorf("in SQL: %q", statuses)
		}

		user = at.start(t, openRouter(router)...).as(user)
		if got := user.message(endsID); got.Content != "one two" || got.Status != chat.StatusComplete {
			t.Errorf("the answer that ended within the grace: %+v", got)
		}
		if got := user.message(hangsID); got.Content != "half" || got.Error == nil || !got.Error.Retryable {
			t.Errorf("the answer that did not: %+v", got)
		}
		if got := user.follow(hangsID, "1.2").next(); got.Name != "stream_error" || got.Data.Code != "interrupted" || got.ID != "1.3" {
			t.Errorf("its reader comes again and gets %+v", got)
		}
	})
}

func TestItIsNotReadyWhileItShutsDown(t *testing.T) {
	t.Parallel()
	router := llmtest.New(t)
	router.Script(llmtest.Text("half"), llmtest.Hang())
	server := start(t, t.TempDir(), append(openRouter(router), "SHUTDOWN_GRACE=1m")...)
	user := server.register("ada")
	stream := user.ask(user.conversation().ID, "Say it all")
	stream.textIs("half")
	server.terminate()
	stream.until("stream_reconnect")

	response, err := http.Get(server.URL + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("readiness is %s", response.Status)
	}
	server.kill()
}

func TestASecondSIGTERMEndsItAtOnce(t *testing.T) {
	t.Parallel()
	router := llmtest.New(t)
	router.Script(llmtest.Text("half"), llmtest.Hang())
	server := start(t, t.TempDir(), append(openRouter(router), "SHUTDOWN_GRACE=10m")...)
	user := server.register("ada")
	stream := user.ask(user.conversation().ID, "Say it all")
	stream.textIs("half")
	server.terminate()
	stream.until("stream_reconnect")

	eventually(t, "it ends", func() bool {
		_ = server.command.Process.Signal(syscall.SIGTERM) // it may have ended
		select {
		case <-server.exited:
			return true
		default:
			return false
		}
	})
	if code := server.code(); code != -1 {
		t.Errorf("exit code %d, want the end by a signal", code)
	}
}
