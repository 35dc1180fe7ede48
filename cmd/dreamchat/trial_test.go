package main_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"time"
	"unicode/utf16"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm/llmtest"
)

// trial is a question whose answer is followed by many while something fails.
type trial struct {
	*pair
	question, conversationID, messageID string
	readers                             []*reader
}

// ask sends a question to the first instance. From the start the answer is read
// there by who sent it, on the second instance, and by one that sends the
// question again whenever it comes again.
func (p *pair) ask(question string, script ...llmtest.Step) *trial {
	p.t.Helper()
	p.plan(question, script)
	tr := &trial{pair: p, question: question, conversationID: p.conversation()}
	sender := tr.add(&reader{name: "the sender", turns: []*client{p.onA, p.onB}, open: func(cursor string) call {
		if cursor == "" {
			return tr.send(cursor)
		}
		return tr.follow(cursor)
	}})
	eventually(p.t, "the question is taken", func() bool {
		sender.mu.Lock()
		defer sender.mu.Unlock()
		tr.messageID = sender.messageID
		return tr.messageID != ""
	})
	tr.add(&reader{name: "on the other instance", turns: []*client{p.onB, p.onA}, open: tr.follow})
	tr.add(&reader{name: "who sends again", turns: []*client{p.onB, p.onA}, open: tr.send})
	return tr
}

// join adds readers in mid-stream: newcomers on both instances, and some that
// change the instance with what they have.
func (tr *trial) join() {
	a, b := []*client{tr.onA, tr.onB}, []*client{tr.onB, tr.onA}
	tr.add(&reader{name: "a newcomer", turns: a, open: tr.follow})
	tr.add(&reader{name: "a newcomer on the other instance", turns: b, open: tr.follow})
	text, cursor := tr.readers[0].at(0.5)
	tr.add(&reader{name: "who resumes on the other instance", turns: b, open: tr.follow, held: text, cursor: cursor})
	text, cursor = tr.readers[1].at(1)
	tr.add(&reader{name: "who resumes here", turns: a, open: tr.follow, held: text, cursor: cursor})
}

func (tr *trial) add(r *reader) *reader {
	tr.readers = append(tr.readers, r.start(tr.t))
	return r
}

// send is the question with its key, the same every time.
func (tr *trial) send(cursor string) call {
	return call{
		method: http.MethodPost, path: "/api/v1/conversations/" + tr.conversationID + "/messages",
		body:    map[string]string{"content": tr.question},
		headers: append(after(cursor), "Idempotency-Key: "+tr.conversationID),
	}
}

func (tr *trial) follow(cursor string) call {
	return call{method: http.MethodGet, path: "/api/v1/messages/" + tr.messageID + "/events", headers: after(cursor)}
}

func after(cursor string) []string {
	if cursor == "" {
		return nil
	}
	return []string{"Last-Event-ID: " + cursor}
}

// reach waits until every reader has that many UTF-16 units.
func (tr *trial) reach(n int) {
	tr.t.Helper()
	for _, r := range tr.readers {
		eventually(tr.t, r.name+" reads on", func() bool { return r.failed(tr) || r.has() >= n })
	}
}

// failed ends the test if the reader has met what must not happen.
func (r *reader) failed(tr *trial) bool {
	tr.t.Helper()
	select {
	case <-r.done:
	default:
		return false
	}
	if r.err != nil {
		tr.t.Fatalf("%s: %v", r.name, r.err)
	}
	return false
}

// most is how much the reader has that has most.
func (tr *trial) most() int {
	n := 0
	for _, r := range tr.readers {
		n = max(n, r.has())
	}
	return n
}

// end waits until every reader has the terminal event.
func (tr *trial) end() {
	tr.t.Helper()
	for _, r := range tr.readers {
		eventually(tr.t, r.name+" comes to the end of "+tr.question, func() bool {
			select {
			case <-r.done:
				return true
			default:
				return false
			}
		})
		if r.err != nil {
			tr.t.Fatalf("%s, which was told %q: %v", r.name, r.told, r.err)
		}
	}
}

// settle waits for the end and compares: there is one question and one answer,
// the provider was asked once, and every reader has what is stored, no more and
// no less.
func (tr *trial) settle(status chat.Status) chat.Message {
	tr.t.Helper()
	tr.end()
	if calls := tr.asked(tr.question); len(calls) != 1 {
		tr.t.Errorf("%s: the provider was asked %d times", tr.question, len(calls))
	}
	answer := tr.inSQL(status)
	for _, on := range tr.alive() {
		got := on.message(tr.messageID)
		if got.Content != answer.Content || got.Reasoning != answer.Reasoning || got.Status != status {
			tr.t.Errorf("%s: on %s it is %s with %d bytes", tr.question, on.url, got.Status, len(got.Content))
		}
		ended := tr.follow(tr.readers[0].cursor)
		on.reply(http.StatusNoContent, ended.method, ended.path, nil, ended.headers...)
	}
	for _, r := range tr.readers {
		r.prove(tr, answer)
	}
	return answer
}

// inSQL reads the conversation past the command.
func (tr *trial) inSQL(status chat.Status) chat.Message {
	tr.t.Helper()
	rows, err := tr.db.QueryContext(tr.t.Context(),
		"SELECT id, role, status, content, reasoning FROM messages WHERE conversation_id = $1 ORDER BY seq", tr.conversationID)
	if err != nil {
		tr.t.Fatal(err)
	}
	defer func() { _ = rows.Close() }() // rows.Err tells
	var found []chat.Message
	for rows.Next() {
		var m chat.Message
		if err := rows.Scan(&m.ID, &m.Role, &m.Status, &m.Content, &m.Reasoning); err != nil {
			tr.t.Fatal(err)
		}
		found = append(found, m)
	}
	if rows.Err() != nil || len(found) != 2 || found[0].Role != chat.RoleUser || found[0].Content != tr.question ||
		found[1].ID != tr.messageID || found[1].Role != chat.RoleAssistant || found[1].Status != status {
		tr.t.Fatalf("%s: in SQL there are %d messages: %.300v, %v", tr.question, len(found), found, rows.Err())
	}
	return found[1]
}

// prove compares what the reader has, and has ever had, with the stored answer.
func (r *reader) prove(tr *trial, answer chat.Message) {
	tr.t.Helper()
	stored := held{"text": utf16.Encode([]rune(answer.Content)), "reasoning": utf16.Encode([]rune(answer.Reasoning))}
	sum := sha256.Sum256([]byte(string(utf16.Decode(r.held["text"]))))
	if proof := r.last.Data; proof.SHA256 != hex.EncodeToString(sum[:]) || proof.Length != len(r.held["text"]) ||
		proof.Length != len(stored["text"]) || len(r.held["reasoning"]) != len(stored["reasoning"]) {
		tr.t.Errorf("%s: %s has %d and %d units, %d and %d are stored; it ends with %+v", tr.question, r.name,
			len(r.held["text"]), len(r.held["reasoning"]), len(stored["text"]), len(stored["reasoning"]), proof)
	}
	for _, had := range append(r.dropped, r.held) {
		for kind, units := range had {
			if !strings.HasPrefix(string(utf16.Decode(stored[kind])), string(utf16.Decode(units))) {
				tr.t.Errorf("%s: %s was sent %s that is not stored: %d units, where %d are", tr.question, r.name,
					kind, len(units), len(stored[kind]))
			}
		}
	}
}

// interrupted settles an answer whose server went away at that time. It must be
// closed within 15 s, and its conversation can be used again.
func (tr *trial) interrupted(since time.Time) chat.Message {
	tr.t.Helper()
	answer := tr.settle(chat.StatusInterrupted)
	for _, r := range tr.readers {
		if took := r.ended.Sub(since); took > 15*time.Second {
			tr.t.Errorf("%s: %s is told of the end after %s", tr.question, r.name, took)
		}
		if r.last.Name != "stream_error" || r.last.Data.Code != "interrupted" || !r.last.Data.Retryable {
			tr.t.Errorf("%s: %s ends with %+v", tr.question, r.name, r.last)
		}
	}
	tr.alive()[0].ask(tr.conversationID, "And now?").until("stream_complete")
	return answer
}
