package main_test

import (
	"net/http"
	"strings"
	"testing"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm/llmtest"
)

func TestWhatAKilledProcessLeftBehind(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at installation) {
		router := llmtest.New(t)
		router.Script(llmtest.Reasoning("Hm."), llmtest.Text("What is ", "kept"), llmtest.Hang())
		killed := at.start(t, openRouter(router)...)
		user := killed.register("ada")
		conversation := user.conversation()
		stream := user.ask(conversation.ID, "Say it all")
		messageID := stream.next().Data.MessageID
		stream.textIs("What is kept")
		eventually(t, "a checkpoint", func() bool {
			return user.message(messageID).Content == "What is kept"
		})
		killed.kill()
		if status := at.column(t, "SELECT status FROM messages WHERE role = 'assistant'"); status[0] != "streaming" {
			t.Fatalf("the answer is %s before the next start", status)
		}

		// The name of an instance is made of its port.
		server := at.start(t, append(openRouter(router), "PORT="+killed.Port)...)
		user = server.as(user)
		eventually(t, "the answer is closed", func() bool {
			return user.message(messageID).Status == chat.StatusInterrupted
		})
		if got := user.message(messageID); got.Content != "What is kept" || got.Reasoning != "Hm." || got.Error.Code != "interrupted" {
			t.Errorf("closed: %+v", got)
		}

		again := user.follow(messageID, "1.2")
		if strings.HasPrefix(at.database, "sqlite:") { // where nobody knows what else was sent
			if got := again.next(); got.Name != "stream_reset" || got.Data.Reason != chat.ResetAttempt || got.ID != "" {
				t.Errorf("a reader with an old cursor gets %+v", got)
			}
			if got := again.next(); got.Name != "message_ack" || got.ID != "2.1" {
				t.Errorf("and then %+v", got)
			}
		}
		last := again.until("stream_error")
		if again.Text != "What is kept" || last.Data.Code != "interrupted" || !last.Data.Retryable {
			t.Errorf("and in the end %q, %+v", again.Text, last)
		}
		user.reply(http.StatusNoContent, http.MethodGet, "/api/v1/messages/"+messageID+"/events", nil, "Last-Event-ID: "+last.ID)

		user.ask(conversation.ID, "And now?").until("stream_complete")
		server.stop()
	})
}
