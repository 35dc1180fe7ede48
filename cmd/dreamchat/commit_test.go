package main_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/servertest"
)

func TestTheDatabaseIsAwayAtTheFinalCommit(t *testing.T) {
	t.Parallel()
	database := servertest.StartPostgres(t)
	p := newPairOver(t, database.URL)
	goOn, text := make(chan struct{}), phrases(20)
	tr := p.ask("Say it all", slices.Concat(flow("content", text, 11, time.Millisecond), []llmtest.Step{llmtest.Wait(goOn)}, finish())...)
	tr.reach(100)
	tr.join()
	tr.reach(length(text))

	database.Stop()
	close(goOn)
	// By the third time a terminal event that did not wait would have arrived.
	eventually(t, "it has tried to save the answer", func() bool {
		return strings.Count(p.a.stderr.String(), "answer not saved yet") >= 3
	})
	for _, r := range tr.readers {
		select {
		case <-r.done:
			t.Errorf("%s is told of the end before it is saved: %+v, %v", r.name, r.last, r.err)
		default:
		}
	}
	database.Start()
	if answer := tr.settle(chat.StatusComplete); answer.Content != text {
		t.Error("what is stored is not what the provider said")
	}
	p.quiet()
}
