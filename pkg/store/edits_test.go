package store_test

import (
	"errors"
	"sync"
	"testing"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/id"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/store"
	"dreamchat/pkg/store/storetest"
)

// edit is a question that takes the place of another.
func edit(c chat.Conversation, replaced string, seconds int) chat.Beginning {
	b := send(c, seconds)
	b.Question.Replaces = replaced
	return b
}

// standing are the messages that stand, everything the superseded ones too.
func standing(t testing.TB, s *store.Store, c chat.Conversation) []chat.Message {
	t.Helper()
	return page(t, s, c, chat.MessageQuery{Order: chat.OldestFirst, Limit: 100})
}

func everything(t testing.TB, s *store.Store, c chat.Conversation) []chat.Message {
	t.Helper()
	return page(t, s, c, chat.MessageQuery{Order: chat.OldestFirst, Limit: 100, Superseded: true})
}

func TestEditSupersedesTheQuestionAndAllBehindIt(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newConversation(t, s)
		first, second := exchange(t, s, c, 1), exchange(t, s, c, 2)
		old := exchange(t, s, c, 3)
		better := begin(t, s, again(c, old.Answer, 4))
		finish(t, s, better.Answer, chat.StatusComplete, "better")

		b := edit(c, second.Question.ID, 5)
		b.LastSeq = new(better.Answer.Seq)
		begun := begin(t, s, b)
		if begun.Conversation.MessageCount != 4 || begun.Conversation.LastSeq != 9 || begun.Question.Replaces != second.Question.ID {
			t.Errorf("begun: %+v", begun)
		}
		wantEqual(t, ids(standing(t, s, c)),
			[]string{first.Question.ID, first.Answer.ID, begun.Question.ID, begun.Answer.ID})
		for _, m := range everything(t, s, c) {
			want := ""
			switch m.ID {
			case second.Question.ID, second.Answer.ID, old.Question.ID, better.Answer.ID:
				want = begun.Question.ID
			case old.Answer.ID:
				want = better.Answer.ID // it was superseded before
			}
			if m.SupersededBy != want {
				t.Errorf("message %d is superseded by %q, want %q", m.Seq, m.SupersededBy, want)
			}
		}
		wantEqual(t, message(t, s, c, begun.Question.ID), begun.Question)
		checkCount(t, s, c)
		finish(t, s, begun.Answer, chat.StatusFailed, "") // the question was replaced all the same
		checkCount(t, s, c)

		history, err := s.History(t.Context(), newestOf(c, begun.Answer.Seq, 9))
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, ids(history.Messages), []string{first.Question.ID, first.Answer.ID, begun.Question.ID})
	})
}

func TestEditOfWhatCannotBeReplaced(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newConversation(t, s)
		first := exchange(t, s, c, 1)
		second := begin(t, s, edit(c, first.Question.ID, 2))
		finish(t, s, second.Answer, chat.StatusComplete, "answer")
		elsewhere := exchange(t, s, conversationOf(t, s, c.UserID, "elsewhere", at(0)), 1)
		foreign := exchange(t, s, newConversation(t, s), 1)
		before := everything(t, s, c)
		for _, test := range []struct {
			name, target string
			kind         problem.Kind
		}{
			{"superseded", first.Question.ID, problem.Conflict},
			{"an answer", second.Answer.ID, problem.Conflict},
			{"a superseded answer", first.Answer.ID, problem.Conflict},
			{"of another conversation", elsewhere.Question.ID, problem.NotFound},
			{"of another user", foreign.Question.ID, problem.NotFound},
			{"unknown", id.New(), problem.NotFound},
		} {
			t.Run(test.name, func(t *testing.T) {
				_, err := s.BeginAnswer(t.Context(), edit(c, test.target, 3))
				wantKind(t, err, test.kind)
			})
		}
		wantEqual(t, everything(t, s, c), before)
		checkCount(t, s, c)
	})
}

// TestEditIsToldWhatASendIsTold has everything in the way at once, and takes one
// thing after the other out of it.
func TestEditIsToldWhatASendIsTold(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newConversation(t, s)
		first := exchange(t, s, c, 1)
		b := edit(c, first.Question.ID, 2)
		b.Answer.IdempotencyKey, b.Answer.RequestHash = "key", "hash"
		running := begin(t, s, b)

		again := edit(c, first.Question.ID, 3) // which is superseded by now
		for _, lastSeq := range []*int64{nil, new(int64(0))} {
			again.LastSeq = lastSeq
			again.Answer.IdempotencyKey, again.Answer.RequestHash = "key", "hash"
			if got := begin(t, s, again); !got.Replayed || got.Answer.ID != running.Answer.ID || got.Question.ID != b.Question.ID {
				t.Errorf("begun again: %+v", got)
			}
			again.Answer.IdempotencyKey = "other"
			_, err := s.BeginAnswer(t.Context(), again)
			wantKind(t, err, problem.GenerationRunning)
		}
		finish(t, s, running.Answer, chat.StatusComplete, "answer")
		_, err := s.BeginAnswer(t.Context(), again)
		wantKind(t, err, problem.StaleConversation)
		again.LastSeq = nil
		_, err = s.BeginAnswer(t.Context(), again)
		wantKind(t, err, problem.Conflict)
		checkCount(t, s, c)
	})
}

// TestRaceOfEditsLeavesOneBranch edits one question from two instances, some of
// whose answers end while others are begun.
func TestRaceOfEditsLeavesOneBranch(t *testing.T) {
	eachEmpty(t, func(t *testing.T, url string) {
		instances := []*store.Store{storetest.Open(t, url), storetest.Open(t, url)}
		if _, err := instances[0].MigrateUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		c := newConversation(t, instances[0])
		first, second := exchange(t, instances[0], c, 1), exchange(t, instances[0], c, 2)
		won := make(chan chat.Begun, senders)
		var all sync.WaitGroup
		for i := range senders {
			s, b := instances[i%2], edit(c, second.Question.ID, i)
			all.Go(func() {
				begun, err := s.BeginAnswer(t.Context(), b)
				switch {
				case err == nil:
					finish(t, s, begun.Answer, chat.StatusComplete, "answer")
					won <- begun
				case !errors.Is(err, problem.GenerationRunning) && !errors.Is(err, problem.Conflict):
					t.Error(err)
				}
			})
		}
		all.Wait()
		close(won)
		winner := <-won
		if _, more := <-won; more {
			t.Error("more than one edit was taken")
		}
		wantEqual(t, ids(standing(t, instances[1], c)),
			[]string{first.Question.ID, first.Answer.ID, winner.Question.ID, winner.Answer.ID})
		checkCount(t, instances[1], c)
	})
}
