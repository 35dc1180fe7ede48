package main_test

import (
	"net/http"
	"testing"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm/llmtest"
)

// across is an answer that is being made on one of two instances.
type across struct {
	a, b                      *process
	onA, onB                  *client
	conversationID, messageID string
	live                      *events // on a, where the answer is made
}

// askAcross asks for an answer that the provider makes by these steps.
func askAcross(t *testing.T, steps ...llmtest.Step) across {
	t.Helper()
	router := llmtest.New(t)
	router.Script(steps...)
	var x across
	x.a, x.b = twins(t, openRouter(router)...)
	x.onA = x.a.register("ada")
	x.onB = x.b.as(x.onA)
	x.conversationID = x.onA.conversation().ID
	x.live = x.onA.ask(x.conversationID, "Count")
	x.messageID = x.live.next().Data.MessageID
	return x
}

func TestAnAnswerIsFollowedLiveOnAnotherInstance(t *testing.T) {
	t.Parallel()
	goOn := make(chan struct{})
	x := askAcross(t, llmtest.Text("one "), llmtest.Wait(goOn), llmtest.Text("two"), llmtest.Finish("stop"), llmtest.Done())
	x.live.textIs("one ")
	there := x.onB.follow(x.messageID, "")
	there.textIs("one ")
	behind := x.onB.follow(x.messageID, "1.2")
	close(goOn)
	here := x.live.until("stream_complete")
	for _, reader := range []*events{there, behind} {
		if last := reader.until("stream_complete"); last != here {
			t.Errorf("ends with %+v, want %+v", last, here)
		}
	}
	if there.Text != "one two" || behind.Text != "two" {
		t.Errorf("on the other instance %q and %q", there.Text, behind.Text)
	}
	x.a.stop()
	x.b.stop()
}

func TestAnAnswerIsStoppedFromAnotherInstance(t *testing.T) {
	t.Parallel()
	x := askAcross(t, llmtest.Text("one "), llmtest.Hang())
	x.live.textIs("one ")
	there := x.onB.follow(x.messageID, "")
	x.onB.reply(http.StatusAccepted, http.MethodPost, "/api/v1/messages/"+x.messageID+"/stop", nil)
	for _, reader := range []*events{x.live, there} {
		reader.until("stream_complete")
		if reader.Text != "one " {
			t.Errorf("a reader has %q", reader.Text)
		}
	}
	if got := x.onB.message(x.messageID); got.Status != chat.StatusStopped || got.Content != "one " {
		t.Errorf("stored: %+v", got)
	}
	x.onB.reply(http.StatusOK, http.MethodPost, "/api/v1/messages/"+x.messageID+"/stop", nil)
}

// What any reader was sent is kept, also what no checkpoint has seen.
func TestAKilledInstancesAnswerIsClosedByAnother(t *testing.T) {
	t.Parallel()
	x := askAcross(t, llmtest.Reasoning("Hm."), llmtest.Text("one ", "two ", "thr"), llmtest.Hang())
	there := x.onB.follow(x.messageID, "")
	x.live.textIs("one two thr")
	x.a.kill()
	last := there.until("stream_error")
	if there.Text != "one two thr" || last.ID != "1.6" || last.Data.Code != "interrupted" || !last.Data.Retryable {
		t.Errorf("the reader on the other instance has %q, %+v", there.Text, last)
	}
	if got := x.onB.message(x.messageID); got.Status != chat.StatusInterrupted || got.Content != "one two thr" || got.Reasoning != "Hm." {
		t.Errorf("stored: %+v", got)
	}
	if again := x.onB.follow(x.messageID, "1.5"); again.next() != last {
		t.Error("a reader that comes later does not get the same end")
	}
	x.onB.ask(x.conversationID, "And now?").until("stream_complete")
}

func TestAPausedInstanceWritesNothingMore(t *testing.T) {
	t.Parallel()
	goOn := make(chan struct{})
	x := askAcross(t, llmtest.Text("one "), llmtest.Wait(goOn), llmtest.Text("two"), llmtest.Finish("stop"), llmtest.Done())
	x.live.textIs("one ")
	there := x.onB.follow(x.messageID, "")
	x.a.pause()
	last := there.until("stream_error")
	close(goOn)
	x.a.resume()
	if got := x.live.next(); got.Name != "stream_reconnect" || x.live.Text != "one " {
		t.Errorf("the revived instance says %+v, after %q", got, x.live.Text)
	}
	if again := x.onA.follow(x.messageID, "1.2"); again.next() != last {
		t.Error("the revived instance ends the stream otherwise")
	}
	if got := x.onA.message(x.messageID); got.Status != chat.StatusInterrupted || got.Content != "one " {
		t.Errorf("stored: %+v", got)
	}
}
