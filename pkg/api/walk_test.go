package api_test

import (
	"context"
	"database/sql"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/id"
)

// walker reads a conversation by cursors while it changes, beside a model of
// what it must see. The model knows which messages stand, and the position that
// the walker has come to; a page is what stands next to that position.
type walker struct {
	service      *apitest.Service
	db           *sql.DB
	user         *apitest.User
	conversation chat.Conversation
	order        chat.Order

	standing []chat.Message // by position
	page     chat.MessagePage
	// next and prev are where the neighbours of the page begin: behind this
	// position, in the page's order and against it.
	next, prev int64
}

// TestWalkNeverSkipsOrRepeats walks while messages arrive, are deleted and are
// superseded.
func TestWalkNeverSkipsOrRepeats(t *testing.T) {
	t.Parallel()
	eachWithSQL(t, func(t *testing.T, s *apitest.Service, db *sql.DB) {
		user := s.User()
		rapid.Check(t, func(rt *rapid.T) {
			r := &walker{service: s, db: db, user: user, conversation: user.Conversation(), order: chat.OldestFirst}
			if rapid.Bool().Draw(rt, "newest first") {
				r.order = chat.NewestFirst
			}
			for range rapid.IntRange(0, 3).Draw(rt, "questions at first") {
				r.ask(rt)
			}
			r.open(rt)
			for range rapid.IntRange(3, 12).Draw(rt, "steps") {
				switch rapid.SampledFrom([]string{"ask", "regenerate", "edit", "delete", "next", "next", "prev"}).Draw(rt, "step") {
				case "ask":
					r.ask(rt)
				case "regenerate":
					r.regenerate(rt)
				case "edit":
					r.edit(rt)
				case "delete":
					r.delete(rt)
				case "next":
					r.turn(rt, true)
				case "prev":
					r.turn(rt, false)
				}
			}
		})
	})
}

// store begins and finishes an answer.
func (r *walker) store(rt *rapid.T, question *chat.Message, answer chat.Message) {
	begun, err := r.service.Store.BeginAnswer(context.Background(), chat.Beginning{
		UserID: r.user.Session.User.ID, ConversationID: r.conversation.ID, Question: question, Answer: answer,
	})
	if err != nil {
		rt.Fatal(err)
	}
	begun.Answer.Status, begun.Answer.Content = chat.StatusComplete, "answer"
	if _, err := r.service.Store.FinishAnswer(context.Background(), 1, begun.Answer, chat.Charge{ID: begun.Answer.ID, Kind: chat.ChargeAnswer, State: chat.ChargeClosed}); err != nil {
		rt.Fatal(err)
	}
	if question != nil {
		r.standing = append(r.standing, begun.Question)
	}
	r.standing = append(r.standing, begun.Answer)
}

func (r *walker) message(role chat.Role) chat.Message {
	now := time.Now()
	return chat.Message{ID: id.New(), ConversationID: r.conversation.ID, Role: role, CreatedAt: now, UpdatedAt: now}
}

func (r *walker) ask(rt *rapid.T) { r.send(rt, "") }

// edit replaces a question, if one stands.
func (r *walker) edit(rt *rapid.T) {
	var questions []int
	for i, message := range r.standing {
		if message.Role == chat.RoleUser {
			questions = append(questions, i)
		}
	}
	if len(questions) == 0 {
		return
	}
	at := rapid.SampledFrom(questions).Draw(rt, "question")
	replaced := r.standing[at].ID
	r.standing = r.standing[:at]
	r.send(rt, replaced)
}

func (r *walker) send(rt *rapid.T, replaces string) {
	question, answer := r.message(chat.RoleUser), r.message(chat.RoleAssistant)
	question.Content, question.Status, question.Replaces = "question", chat.StatusComplete, replaces
	answer.Status, answer.Attempt, answer.QuestionID = chat.StatusStreaming, 1, question.ID
	r.store(rt, &question, answer)
}

func (r *walker) regenerate(rt *rapid.T) {
	last := len(r.standing) - 1
	if last < 0 || r.standing[last].Role != chat.RoleAssistant {
		return // no answer stands last
	}
	old := r.standing[last]
	if last == 0 || r.standing[last-1].ID != old.QuestionID {
		return // its question was deleted
	}
	r.standing = r.standing[:last]
	answer := r.message(chat.RoleAssistant)
	answer.Status, answer.Attempt, answer.QuestionID, answer.Replaces = chat.StatusStreaming, 1, old.QuestionID, old.ID
	r.store(rt, nil, answer)
}

func (r *walker) delete(rt *rapid.T) {
	if len(r.standing) == 0 {
		return
	}
	at := rapid.IntRange(0, len(r.standing)-1).Draw(rt, "index")
	if _, err := r.db.Exec(`DELETE FROM messages WHERE id = '` + r.standing[at].ID + `'`); err != nil {
		rt.Fatal(err)
	}
	r.standing = slices.Delete(r.standing, at, at+1)
}

func (r *walker) open(rt *rapid.T) {
	r.page = pageOf(r.user, r.path(""))
	expected, more := r.beside(r.order, r.beginning())
	r.compare(rt, expected)
	r.expectMore(rt, more)
	r.remember()
}

// turn goes to a neighbour of the page, if there is one.
func (r *walker) turn(rt *rapid.T, forth bool) {
	cursor, order, from := r.page.NextCursor, r.order, r.next
	if !forth {
		cursor, order, from = r.page.PrevCursor, opposite(r.order), r.prev
	}
	if cursor == nil {
		return
	}
	expected, more := r.beside(order, from)
	if !forth {
		slices.Reverse(expected)
	}
	r.page = pageOf(r.user, r.path("&cursor="+*cursor))
	r.compare(rt, expected)
	switch {
	case len(expected) == 0:
		r.stay(forth, from)
		return
	case forth:
		r.expectMore(rt, more)
	case (r.page.PrevCursor != nil) != more:
		rt.Fatalf("before the page there is more: %t", more)
	}
	r.remember()
}

const walkLimit = 2

func (r *walker) path(more string) string {
	return "/api/v1/conversations/" + r.conversation.ID + "/messages?limit=2&order=" + string(r.order) + more
}

// beside is what stands behind a position in an order, and whether more does.
func (r *walker) beside(order chat.Order, position int64) (found []chat.Message, more bool) {
	for _, message := range r.standing {
		if order == chat.OldestFirst && message.Seq > position || order == chat.NewestFirst && message.Seq < position {
			found = append(found, message)
		}
	}
	if order == chat.NewestFirst {
		slices.Reverse(found)
	}
	return found[:min(len(found), walkLimit)], len(found) > walkLimit
}

func (r *walker) beginning() int64 {
	if r.order == chat.OldestFirst {
		return 0
	}
	return 1 << 62
}

func (r *walker) compare(rt *rapid.T, expected []chat.Message) {
	if got, want := seqs(r.page), seqs(chat.MessagePage{Data: expected}); got != want {
		rt.Fatalf("%s: the page is %q, want %q of %q", r.order, got, want, seqs(chat.MessagePage{Data: r.standing}))
	}
}

func (r *walker) expectMore(rt *rapid.T, more bool) {
	if r.page.HasMore != more || (r.page.NextCursor != nil) != more {
		rt.Fatalf("there is more: %t, hasMore %t, a cursor %t", more, r.page.HasMore, r.page.NextCursor != nil)
	}
}

// remember notes where the neighbours of the page begin.
func (r *walker) remember() {
	if n := len(r.page.Data); n > 0 {
		r.prev, r.next = r.page.Data[0].Seq, r.page.Data[n-1].Seq
	}
}

// stay notes that an empty page lies beyond everything: the way back begins
// with the message at the position, if that still stands.
func (r *walker) stay(forth bool, position int64) {
	if (r.order == chat.OldestFirst) == forth {
		position++
	} else {
		position--
	}
	if forth {
		r.prev = position
	} else {
		r.next = position
	}
}

func opposite(order chat.Order) chat.Order {
	if order == chat.OldestFirst {
		return chat.NewestFirst
	}
	return chat.OldestFirst
}
