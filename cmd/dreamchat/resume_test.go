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

// queries are the names under which a cursor may stand in the address.
func queries() []string { return []string{"after", "lastEventId", "last_event_id"} }

func TestResumingOnTheOtherInstance(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	goOn := make(chan struct{})
	first, second := phrases(8), phrases(9)
	tr := p.ask("Say it all", slices.Concat(
		flow("reasoning", first, 11, time.Millisecond), flow("content", first, 13, time.Millisecond),
		[]llmtest.Step{llmtest.Wait(goOn)}, flow("content", second, 13, time.Millisecond), finish())...)
	tr.reach(2 * length(first))
	tr.join()
	tr.resumeByEveryForm()
	resets := tr.resumeByBadCursors()
	close(goOn)
	answer := tr.settle(chat.StatusComplete)
	if answer.Reasoning != first || answer.Content != first+second {
		t.Error("what is stored is not what the provider said")
	}
	tr.resumeByEveryForm() // of a finished answer, and after all of it
	tr.resumeByBadCursors()
	tr.settle(chat.StatusComplete)
	for _, r := range tr.readers {
		if reason := resets[r.name]; len(r.told) > 1 || reason != strings.Join(r.told, " ") {
			t.Errorf("%s was told %q, want %q", r.name, r.told, reason)
		}
	}
	for _, on := range p.alive() {
		for _, name := range queries() {
			on.reply(http.StatusNoContent, http.MethodGet, tr.follow("").path+"?"+name+"="+tr.readers[0].cursor, nil)
		}
	}
	p.quiet()
}

// resumeByEveryForm adds readers on both instances that go on where the sender
// was at some time.
func (tr *trial) resumeByEveryForm() {
	forms := map[string]func(cursor string) call{
		"the header": tr.follow,
		"the header against the address": func(cursor string) call {
			c := tr.follow(cursor)
			c.path += "?after=1.1&lastEventId=2.2&last_event_id=nonsense"
			return c
		},
	}
	for _, name := range queries() {
		forms[name] = func(cursor string) call {
			c := tr.follow("")
			c.path += "?" + name + "=" + cursor
			return c
		}
	}
	part := 0.1
	for name, open := range forms {
		for _, on := range []*client{tr.onA, tr.onB} {
			text, cursor := tr.readers[0].at(part)
			tr.add(&reader{name: "who resumes by " + name, turns: []*client{on}, open: open, held: text, cursor: cursor})
			part += 0.09
		}
	}
}

// resumeByBadCursors adds readers on both instances that must begin again, and
// returns the reason that each is to be given.
func (tr *trial) resumeByBadCursors() map[string]string {
	reasons := make(map[string]string)
	for cursor, reason := range map[string]string{
		"2.3": chat.ResetAttempt, "1.99999": chat.ResetAhead, "garbage": chat.ResetInvalid, "1.-1": chat.ResetInvalid,
	} {
		name := "who comes with " + cursor
		reasons[name] = reason
		for _, on := range []*client{tr.onA, tr.onB} {
			tr.add(&reader{name: name, turns: []*client{on}, open: tr.follow, cursor: cursor})
		}
	}
	return reasons
}
