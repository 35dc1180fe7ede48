package main_test

import (
	"slices"
	"strings"
	"testing"

	"dreamchat/pkg/chat"
)

const (
	// cutsWanted is how often each audience is cut off, at least.
	cutsWanted = 200
	// passagesTold is into how many passages its answers are divided, together.
	passagesTold = 160
)

// check compares what readers have with what is stored and what was told. It
// returns how often they gave up on the way.
func (s *scene) check(t *testing.T, tellings []*telling, cuts *tally, readings []reading) (reopened int) {
	t.Helper()
	upstream := make(map[string]int)
	for _, exchange := range s.router.Exchanges() {
		upstream[session(exchange)]++
	}
	stored := s.stored(t)
	for _, told := range tellings {
		id := told.conversation.ID
		i := slices.IndexFunc(readings, func(r reading) bool { return r.Name == id })
		if i < 0 {
			t.Errorf("%s: no reader tells of it", id)
			continue
		}
		reopened += readings[i].Reopened
		if upstream[id] != 1 {
			t.Errorf("%s: the provider was asked %d times", id, upstream[id])
		}
		if len(readings[i].Faults) > 0 {
			t.Errorf("%s: %s", id, strings.Join(readings[i].Faults, "; "))
			continue
		}
		told.check(t, stored[id], readings[i])
	}
	t.Logf("%d cuts, %d readers, reopened %d times", cuts.total(), len(readings), reopened)
	if total := cuts.total(); total < cutsWanted {
		t.Errorf("%d cuts, want %d at least", total, cutsWanted)
	}
	return reopened
}

func (told *telling) check(t *testing.T, stored []chat.Message, read reading) {
	t.Helper()
	if len(stored) != 2 || stored[0].Role != chat.RoleUser || stored[1].Role != chat.RoleAssistant || stored[1].Status != chat.StatusComplete {
		t.Errorf("%s: stored are not one question and one whole answer: %+v", read.Name, stored)
		return
	}
	answer := stored[1]
	if text := strings.Join(told.text, ""); answer.Content != text {
		t.Errorf("%s: stored is %q, told was %q", read.Name, answer.Content, text)
	}
	if reasoning := strings.Join(told.reasoning, ""); answer.Reasoning != reasoning {
		t.Errorf("%s: stored is the reasoning %q, told was %q", read.Name, answer.Reasoning, reasoning)
	}
	if want := proofOf(answer.Content); read.Text != want || read.Complete == nil || *read.Complete != want {
		t.Errorf("%s: the reader has %+v and was promised %+v, stored is %+v", read.Name, read.Text, read.Complete, want)
	}
	if want := proofOf(answer.Reasoning); read.Reasoning != want {
		t.Errorf("%s: the reader has the reasoning %+v, stored is %+v", read.Name, read.Reasoning, want)
	}
}

// audience is readers of one kind. It returns what they have once they are
// done.
type audience func(*testing.T, *scene, *client, []*telling) (done func(*testing.T) []reading)

// Whatever is cut off and however often: one question, one answer, one call of
// the provider, and every reader has every character.
func TestReadersThatAreCutOffHaveEveryCharacter(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	audiences := []struct {
		name    string
		readers int
		read    audience
		// givesUp tells that it may be started again: Chromium takes a head
		// that ends early for a whole one, and misses what it lacks.
		givesUp bool
		done    func(*testing.T)
	}{
		// An EventSource and the reader of README.md wait for a second before they
		// come again, so it takes many to be cut off often.
		{name: "EventSource of Chromium", readers: 32, read: readInChromium, givesUp: true},
		{name: "eventsource 3 of npm", readers: 32, read: readInNode("eventsource")},
		{name: "eventsource 2 of npm", readers: 8, read: readInNode("eventsource-2"), givesUp: true},
		{name: "reader of README.md", readers: 32, read: readInNode("readme")},
		{name: "fetch that sends again", readers: 8, read: readInNode("fetch")},
		{name: "Go that follows", readers: 8, read: followInGo},
		{name: "Go that sends again", readers: 8, read: sendAgainInGo},
	}
	for i := range audiences {
		user, cuts, tellings := s.tell(t, uint64(i), audiences[i].readers)
		done := audiences[i].read(t, s, user, tellings)
		audiences[i].done = func(t *testing.T) {
			if times := s.check(t, tellings, cuts, done(t)); times > 0 && !audiences[i].givesUp {
				t.Errorf("they gave up %d times", times)
			}
		}
	}
	for _, readers := range audiences {
		t.Run(readers.name, readers.done)
	}
}
