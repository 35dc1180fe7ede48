package main_test

import (
	"slices"
	"testing"
	"time"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm/llmtest"
)

// One answer ends within the grace and is read live on the other instance until
// then, another one does not end at all.
func TestSIGTERMInMidStream(t *testing.T) {
	t.Parallel()
	p := newPair(t, "SHUTDOWN_GRACE=5s")
	first, second, third := phrases(10), phrases(20), phrases(5)
	goOn, end := make(chan struct{}), make(chan struct{})
	ends := p.ask("Say it all", slices.Concat(
		flow("content", first, 11, time.Millisecond), []llmtest.Step{llmtest.Wait(goOn)},
		flow("content", second, 11, time.Millisecond), []llmtest.Step{llmtest.Wait(end)},
		flow("reasoning", third, 11, 0), finish())...)
	hangs := p.ask("Never end", slices.Concat(flow("content", first, 11, 0), []llmtest.Step{llmtest.Hang()})...)
	ends.reach(100)
	ends.join()
	ends.reach(length(first))
	hangs.reach(length(first))

	terminated := time.Now()
	p.a.terminate()
	for _, r := range []*reader{ends.readers[0], hangs.readers[0]} {
		eventually(t, r.name+" is asked to come again", func() bool { return r.was("draining") })
	}
	close(goOn)
	ends.reach(length(first + second)) // live, on the other instance
	if !p.a.running() {
		t.Fatal("the first instance has not waited for its answer")
	}
	close(end)
	if answer := ends.settle(chat.StatusComplete); answer.Content != first+second || answer.Reasoning != third {
		t.Error("what is stored is not what the provider said")
	}
	if code := p.a.code(); code != 0 {
		t.Errorf("exit code %d:\n%s", code, p.a.stderr.String())
	}
	if answer := hangs.interrupted(terminated); answer.Content != first {
		t.Errorf("of the other answer %q is kept", answer.Content)
	}
	p.quiet()
}
