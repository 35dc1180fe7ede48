package main_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm/llmtest"
)

func (tr *trial) stop() string { return "/api/v1/messages/" + tr.messageID + "/stop" }

func TestStoppedFromTheOtherInstance(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	var took []time.Duration
	long := phrases(2000)
	for _, question := range []string{"One", "Two", "Three", "Four", "Five"} {
		tr := p.ask(question, flow("content", long, 11, time.Millisecond)...)
		tr.reach(300)
		tr.join()
		tr.reach(400)
		upstream, asked := tr.asked(question)[0], time.Now()
		p.onB.reply(http.StatusAccepted, http.MethodPost, tr.stop(), nil)
		eventually(t, "the provider's connection is closed", func() bool {
			select {
			case <-upstream.Done:
				return true
			default:
				return false
			}
		})
		took = append(took, time.Since(asked))
		if answer := tr.settle(chat.StatusStopped); answer.Content == "" || !strings.HasPrefix(long, answer.Content) {
			t.Errorf("%d bytes are kept", len(answer.Content))
		}
		for _, r := range tr.readers {
			if r.last.Name != "stream_complete" || r.last.Data.FinishReason != chat.FinishStopped {
				t.Errorf("%s ends with %+v", r.name, r.last)
			}
		}
	}
	// Without a bell it would be any time up to a second: few would be in time.
	slices.Sort(took)
	if median := took[len(took)/2]; median > 200*time.Millisecond {
		t.Errorf("stops take %s to reach the provider", took)
	}
	p.quiet()
}

func TestALateStopTouchesNothingNewer(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	old := p.ask("Be short", slices.Concat(flow("content", phrase, 7, 0), finish())...)
	old.settle(chat.StatusComplete)
	goOn := make(chan struct{})
	p.plan("Be short", slices.Concat([]llmtest.Step{llmtest.Wait(goOn)}, flow("content", phrase, 7, 0), finish()))
	p.plan("Again", slices.Concat([]llmtest.Step{llmtest.Wait(goOn)}, flow("content", phrase, 7, 0), finish()))
	newer := []*events{
		p.onA.events(http.MethodPost, "/api/v1/messages/"+old.messageID+"/regenerate", map[string]any{}),
	}
	other := p.ask("Stop me", llmtest.Text("Well"), llmtest.Hang())
	other.reach(len("Well"))
	p.onB.reply(http.StatusAccepted, http.MethodPost, other.stop(), nil)
	other.settle(chat.StatusStopped)
	newer = append(newer, p.onA.ask(other.conversationID, "Again"))
	for range 3 {
		for _, on := range p.alive() {
			on.reply(http.StatusOK, http.MethodPost, old.stop(), nil)
			on.reply(http.StatusOK, http.MethodPost, other.stop(), nil)
		}
	}
	close(goOn)
	for _, stream := range newer {
		last := stream.until("stream_complete")
		if last.Data.FinishReason != chat.FinishStop || stream.Text != phrase {
			t.Errorf("the newer answer is %q and ends with %+v", stream.Text, last)
		}
	}
	if got := p.onB.message(other.messageID); got.Status != chat.StatusStopped || got.Content != "Well" {
		t.Errorf("what was stopped is %+v", got)
	}
	p.quiet()
}
