package main_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm/llmtest"
)

func TestUsersAreSuspendedAndRestored(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at installation) {
		router := llmtest.New(t)
		router.Script(llmtest.Text("Half"), llmtest.Hang())
		server := at.start(t, openRouter(router)...)
		user := server.register("ada")
		server.register("bob")
		users := func(code int, arguments string, texts ...string) string {
			t.Helper()
			got := execute(t, at.folder, at.environment, append([]string{"users"}, strings.Fields(arguments)...)...)
			got.want(t, code, texts...)
			return got.stdout
		}
		status := func() int {
			response := user.send(http.MethodGet, "/api/v1/models", nil)
			_ = response.Body.Close() // only the status counts
			return response.StatusCode
		}
		ack := user.ask(user.conversation().ID, "Hello")
		ack.textIs("Half")

		users(1, "suspend eve", "there is no account")
		users(0, "suspend ADA", "ada is suspended, on running servers within five seconds")
		ack.until("stream_complete") // the server stops the answer before it looks who reads it
		eventually(t, "the server knows", func() bool { return status() == http.StatusForbidden })
		eventually(t, "its answer is stopped", func() bool {
			stored := at.column(t, "SELECT status || content FROM messages WHERE role = 'assistant'")
			return stored[0] == string(chat.StatusStopped)+"Half"
		})
		list := regexp.MustCompile(`^[-0-9a-f]{36}\tbob\tbob@example.com\tUSER\tactive\t\S+Z\n` +
			`[-0-9a-f]{36}\tada\tada@example.com\tUSER\tsuspended\t\S+Z\n$`)
		if got := users(0, "list"); !list.MatchString(got) {
			t.Errorf("the list is\n%s", got)
		}
		if got := users(0, "list BOB"); strings.Contains(got, "ada") || !strings.Contains(got, "bob") {
			t.Errorf("the list of bob is\n%s", got)
		}
		users(0, "restore ada@example.com", "ada is let in again")
		eventually(t, "the server lets it in", func() bool { return status() == http.StatusOK })
	})
}
