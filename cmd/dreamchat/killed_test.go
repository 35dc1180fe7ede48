package main_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm/llmtest"
)

// Three answers at once lose the server that makes them: one whose chunks come
// fast, one that has not begun, and one that has just ended.
func TestKilledInMidStream(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	goOn := make(chan struct{})
	silent := p.ask("Think about it", llmtest.Hang())
	over := p.ask("Be short", slices.Concat(flow("content", phrases(3), 5, 0), []llmtest.Step{llmtest.Wait(goOn)}, finish())...)
	long := phrases(2000)
	fast := p.ask("Say it all", slices.Concat(
		flow("reasoning", phrases(10), 7, time.Millisecond), flow("content", long, 7, time.Millisecond))...)
	fast.reach(1500)
	fast.join()
	fast.reach(2000)
	close(goOn)
	eventually(t, "the short answer ends", func() bool {
		over.readers[0].mu.Lock()
		defer over.readers[0].mu.Unlock()
		return over.readers[0].last.Name != ""
	})
	killed := time.Now()
	p.a.kill()

	if answer := fast.interrupted(killed); !strings.HasPrefix(long, answer.Content) || answer.Reasoning != phrases(10) {
		t.Error("what is stored is not what the provider said")
	}
	if answer := silent.interrupted(killed); answer.Content != "" {
		t.Errorf("an answer that had not begun is %q", answer.Content)
	}
	if answer := over.settle(chat.StatusComplete); answer.Content != phrases(3) {
		t.Errorf("the short answer is %q", answer.Content)
	}
	p.quiet()
}
