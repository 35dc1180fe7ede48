package main_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm/llmtest"
)

func TestRedisLosesItsMemoryInMidStream(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	long := phrases(150)
	tr := p.ask("Say it all", slices.Concat(flow("content", long, 11, time.Millisecond), finish())...)
	for i := range 5 {
		tr.reach((i + 1) * length(long) / 8)
		if i == 1 {
			tr.join()
		}
		p.flushall()
	}
	if answer := tr.settle(chat.StatusComplete); answer.Content != long {
		t.Error("what is stored is not what the provider said")
	}

	// What Redis has forgotten when its server is killed was saved before.
	longer := phrases(2000)
	killed := p.ask("Say it all again", flow("content", longer, 11, time.Millisecond)...)
	killed.reach(500)
	killed.join()
	p.flushall()
	seen := killed.most()
	eventually(t, "a checkpoint", func() bool { return p.stored(killed.messageID) >= seen })
	since := time.Now()
	p.a.kill()
	if answer := killed.interrupted(since); !strings.HasPrefix(longer, answer.Content) {
		t.Error("what is stored is not what the provider said")
	}
	p.quiet()
}

func TestRedisIsAwayInMidStream(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	first, second, third := phrases(10), phrases(15), phrases(20)
	for _, fault := range []struct {
		name      string
		from, to  func()
		stillAway bool
	}{
		{"stopped", p.server.Stop, p.server.Start, false},
		{"frozen", p.server.Freeze, p.server.Thaw, false},
		{"stopped for good", p.server.Stop, p.server.Start, true},
	} {
		away, back := make(chan struct{}), make(chan struct{})
		tr := p.ask("Say it all while Redis is "+fault.name, slices.Concat(
			flow("reasoning", first, 11, time.Millisecond), []llmtest.Step{llmtest.Wait(away)},
			flow("content", second, 11, time.Millisecond), []llmtest.Step{llmtest.Wait(back)},
			flow("content", third, 11, time.Millisecond), finish())...)
		tr.reach(length(first) / 2)
		tr.join()
		tr.reach(length(first) / 3)
		fault.from()
		close(away)
		tr.reach(length(first + second)) // at the pace of the checkpoints
		if !fault.stillAway {
			fault.to()
		}
		close(back)
		if answer := tr.settle(chat.StatusComplete); answer.Reasoning != first || answer.Content != second+third {
			t.Errorf("%s: what is stored is not what the provider said", fault.name)
		}
	}
	p.quiet()
}
