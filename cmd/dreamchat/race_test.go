package main_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/sse"
)

const rounds = 20

func TestTheSameRequestRacesToBothInstances(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	for i := range rounds {
		text := phrases(1 + i%3)
		tr := &trial{pair: p, question: fmt.Sprintf("Race %d", i), conversationID: p.conversation()}
		p.plan(tr.question, slices.Concat(flow("content", text, 7, 0), finish()))
		tr.add(&reader{name: "on the first instance", turns: []*client{p.onA}, open: tr.send})
		tr.add(&reader{name: "on the second instance", turns: []*client{p.onB}, open: tr.send})
		tr.end()
		tr.messageID = tr.readers[0].messageID
		if answer := tr.settle(chat.StatusComplete); answer.Content != text {
			t.Errorf("round %d: stored is %q", i, answer.Content)
		}
		x, y := tr.readers[0], tr.readers[1]
		if x.replayed+y.replayed != 1 || x.last != y.last {
			t.Errorf("round %d: %d were told that it is a repetition; they end with %+v and %+v", i, x.replayed+y.replayed, x.last, y.last)
		}
	}
	p.quiet()
}

// sent is the reply to one of two sends that race.
type sent struct {
	status    int
	messageID string
	problem   problem.Document
	whole     bool
}

// race sends two requests at once, one to each instance. A refusal is told to the
// function; the stream of a winner is read to its end.
func (p *pair) race(path string, bodies [2]any, refused func()) [2]sent {
	p.t.Helper()
	var got [2]sent
	var failed [2]error
	var both sync.WaitGroup
	for i, on := range []*client{p.onA, p.onB} {
		both.Go(func() { got[i], failed[i] = on.contend(path, bodies[i], refused) })
	}
	both.Wait()
	for _, err := range failed {
		if err != nil {
			p.t.Fatal(err)
		}
	}
	return got
}

func (c *client) contend(path string, body any, refused func()) (sent, error) {
	request, err := c.request(c.tb.Context(), http.MethodPost, path, body)
	if err != nil {
		return sent{}, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return sent{}, err
	}
	defer func() { _ = response.Body.Close() }()
	got := sent{status: response.StatusCode}
	if got.status != http.StatusOK {
		defer refused()
		text, err := io.ReadAll(response.Body)
		if err != nil {
			return got, err
		}
		return got, json.Unmarshal(text, &got.problem)
	}
	for events := sse.NewReader(response.Body, 1<<20); ; {
		raw, err := events.Next()
		if err != nil {
			return got, nil
		}
		var data struct{ MessageID string }
		if err := json.Unmarshal(raw.Data, &data); err != nil {
			return got, err
		}
		got.messageID, got.whole = data.MessageID, string(raw.Name) == "stream_complete"
	}
}

// ranked are the winner and the loser.
func ranked(t *testing.T, got [2]sent) (won, lost sent) {
	t.Helper()
	won, lost = got[0], got[1]
	if won.status != http.StatusOK {
		won, lost = lost, won
	}
	if won.status != http.StatusOK || !won.whole || lost.status != http.StatusConflict {
		t.Fatalf("the sends are answered %+v and %+v", won, lost)
	}
	return won, lost
}

func TestTwoSendsRaceIntoOneConversation(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	for i := range rounds {
		conversation := p.conversation()
		path := "/api/v1/conversations/" + conversation + "/messages"
		for turn := range 2 { // the second one tells what it knows
			goOn := make(chan struct{})
			script := slices.Concat([]llmtest.Step{llmtest.Wait(goOn)}, flow("content", phrase, 7, 0), finish())
			var bodies [2]any
			for j, name := range []string{"left", "right"} {
				question := fmt.Sprintf("%s %d %d", name, i, turn)
				p.plan(question, script)
				bodies[j] = map[string]any{"content": question}
				if turn == 1 {
					bodies[j] = map[string]any{"content": question, "lastSeq": 2}
				}
			}
			won, lost := ranked(t, p.race(path, bodies, sync.OnceFunc(func() { close(goOn) })))
			if lost.problem.Code != "generation_in_progress" || lost.problem.Details["messageId"] != won.messageID {
				t.Errorf("round %d: the loser is told %+v, the winner's answer is %s", i, lost.problem, won.messageID)
			}
			p.holds(conversation, 2*(turn+1))
		}
		// Both have missed the last turn.
		stale := map[string]any{"content": "What did I miss?", "lastSeq": 2}
		for _, got := range p.race(path, [2]any{stale, stale}, func() {}) {
			missed, _ := got.problem.Details["missed"].([]any)
			if got.status != http.StatusConflict || got.problem.Code != "stale_conversation" || len(missed) != 2 {
				t.Errorf("round %d: a send that is behind is told %+v", i, got)
			}
		}
		p.holds(conversation, 4)
	}
	p.quiet()
}

// The loser comes before or after the end of the winner's answer, and is behind
// in either case.
func TestTheSecondOfTwoSendsWithOnePositionIsRefused(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	codes := make(map[string]int)
	for range rounds {
		conversation := p.conversation()
		body := map[string]any{"content": "Hello", "lastSeq": 0}
		_, lost := ranked(t, p.race("/api/v1/conversations/"+conversation+"/messages", [2]any{body, body}, func() {}))
		codes[lost.problem.Code]++
		p.holds(conversation, 2)
	}
	if codes["generation_in_progress"]+codes["stale_conversation"] != rounds {
		t.Errorf("the losers are told %v", codes)
	}
	p.quiet()
}

// holds fails the test unless the conversation has that many messages.
func (p *pair) holds(conversation string, n int) {
	p.t.Helper()
	var got int
	err := p.db.QueryRowContext(p.t.Context(), "SELECT count(*) FROM messages WHERE conversation_id = $1", conversation).Scan(&got)
	if err != nil || got != n {
		p.t.Errorf("the conversation has %d messages, want %d, %v", got, n, err)
	}
}
