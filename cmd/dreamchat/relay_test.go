package main_test

import (
	"net/http"
	"syscall"
	"testing"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm/llmtest"
)

func TestAnAnswerIsFollowedLiveOnAnotherInstance(t *testing.T) {
	t.Parallel()
	router, goOn := llmtest.New(t), make(chan struct{})
	router.Script(llmtest.Text("one "), llmtest.Wait(goOn), llmtest.Text("two"), llmtest.Finish("stop"), llmtest.Done())
	a, b := twins(t, openRouter(router)...)
	onA := a.register("ada")
	onB := b.as(onA)
	live := onA.ask(onA.conversation().ID, "Count")
	messageID := live.next().Data.MessageID
	live.textIs("one ")
	there := onB.follow(messageID, "")
	there.textIs("one ")
	behind := onB.follow(messageID, "1.2")
	close(goOn)
	here := live.until("stream_complete")
	for _, reader := range []*events{there, behind} {
		if last := reader.until("stream_complete"); last != here {
			t.Errorf("ends with %+v, want %+v", last, here)
		}
	}
	if there.Text != "one two" || behind.Text != "two" {
		t.Errorf("on the other instance %q and %q", there.Text, behind.Text)
	}
	a.stop()
	b.stop()
}

func TestAnAnswerIsStoppedFromAnotherInstance(t *testing.T) {
	t.Parallel()
	router := llmtest.New(t)
	router.Script(llmtest.Text("one "), llmtest.Hang())
	a, b := twins(t, openRouter(router)...)
	onA := a.register("ada")
	onB := b.as(onA)
	live := onA.ask(onA.conversation().ID, "Count")
	messageID := live.next().Data.MessageID
	live.textIs("one ")
	there := onB.follow(messageID, "")
	onB.reply(http.StatusAccepted, http.MethodPost, "/api/v1/messages/"+messageID+"/stop", nil)
	for _, reader := range []*events{live, there} {
		reader.until("stream_complete")
		if reader.Text != "one " {
			t.Errorf("a reader has %q", reader.Text)
		}
	}
	if got := onB.message(messageID); got.Status != chat.StatusStopped || got.Content != "one " {
		t.Errorf("stored: %+v", got)
	}
	onB.reply(http.StatusOK, http.MethodPost, "/api/v1/messages/"+messageID+"/stop", nil)
}

// What any reader was sent is kept, also what no checkpoint has seen.
func TestAKilledInstancesAnswerIsClosedByAnother(t *testing.T) {
	t.Parallel()
	router := llmtest.New(t)
	router.Script(llmtest.Reasoning("Hm."), llmtest.Text("one ", "two ", "thr"), llmtest.Hang())
	a, b := twins(t, openRouter(router)...)
	onA := a.register("ada")
	onB := b.as(onA)
	conversation := onA.conversation()
	live := onA.ask(conversation.ID, "Count")
	messageID := live.next().Data.MessageID
	there := onB.follow(messageID, "")
	live.textIs("one two thr")
	a.kill()
	last := there.until("stream_error")
	if there.Text != "one two thr" || last.ID != "1.6" || last.Data.Code != "interrupted" || !last.Data.Retryable {
		t.Errorf("the reader on the other instance has %q, %+v", there.Text, last)
	}
	if got := onB.message(messageID); got.Status != chat.StatusInterrupted || got.Content != "one two thr" || got.Reasoning != "Hm." {
		t.Errorf("stored: %+v", got)
	}
	if again := onB.follow(messageID, "1.5"); again.next() != last {
		t.Error("a reader that comes later does not get the same end")
	}
	onB.ask(conversation.ID, "And now?").until("stream_complete")
}

func TestAPausedInstanceWritesNothingMore(t *testing.T) {
	t.Parallel()
	router, goOn := llmtest.New(t), make(chan struct{})
	router.Script(llmtest.Text("one "), llmtest.Wait(goOn), llmtest.Text("two"), llmtest.Finish("stop"), llmtest.Done())
	a, b := twins(t, openRouter(router)...)
	onA := a.register("ada")
	onB := b.as(onA)
	live := onA.ask(onA.conversation().ID, "Count")
	messageID := live.next().Data.MessageID
	live.textIs("one ")
	there := onB.follow(messageID, "")
	if err := a.command.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	last := there.until("stream_error")
	close(goOn)
	if err := a.command.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if got := live.next(); got.Name != "stream_reconnect" || live.Text != "one " {
		t.Errorf("the revived instance says %+v, after %q", got, live.Text)
	}
	if again := onA.follow(messageID, "1.2"); again.next() != last {
		t.Error("the revived instance ends the stream otherwise")
	}
	if got := onA.message(messageID); got.Status != chat.StatusInterrupted || got.Content != "one " {
		t.Errorf("stored: %+v", got)
	}
}
