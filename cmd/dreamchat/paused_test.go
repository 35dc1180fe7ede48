package main_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm/llmtest"
)

// Two answers lose their server for longer than it may be silent, and find it
// alive again when they are closed: of one the provider has sent the end
// meanwhile, of the other it goes on to send.
func TestPausedForTooLong(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	goOn := make(chan struct{})
	first, long := phrases(10), phrases(5000)
	ended := p.ask("Go on while I am away", slices.Concat(
		flow("content", first, 11, 0), []llmtest.Step{llmtest.Wait(goOn)}, flow("content", first, 11, 0), finish())...)
	endless := p.ask("Say it all", flow("content", long, 11, time.Millisecond)...)
	ended.reach(length(first))
	endless.reach(500)
	endless.join()
	endless.reach(700)

	paused := time.Now()
	p.a.pause()
	close(goOn)
	for _, tr := range []*trial{ended, endless} {
		eventually(t, "the answer is closed", func() bool { return p.onB.message(tr.messageID).Status == chat.StatusInterrupted })
		if took := time.Since(paused); took > 15*time.Second {
			t.Errorf("it is closed after %s", took)
		}
	}
	before := p.onB.message(endless.messageID)
	<-ended.asked(ended.question)[0].Done // the provider has said it all
	p.a.resume()

	// The revived instance ends both without a word of its own.
	eventually(t, "it leaves the provider", func() bool {
		select {
		case <-endless.asked(endless.question)[0].Done:
			return true
		default:
			return false
		}
	})
	if answer := ended.settle(chat.StatusInterrupted); answer.Content != first {
		t.Errorf("of the answer that ended meanwhile %d bytes are kept, want %d", len(answer.Content), len(first))
	}
	answer := endless.settle(chat.StatusInterrupted)
	if answer.Content != before.Content || !strings.HasPrefix(long, answer.Content) {
		t.Errorf("it has %d bytes, and %d when it was closed", len(answer.Content), len(before.Content))
	}
	p.onA.ask(endless.conversationID, "And now?").until("stream_complete")
	p.quiet()
}
