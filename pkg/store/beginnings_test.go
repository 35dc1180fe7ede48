package store_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/id"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/store"
	"dreamchat/pkg/store/storetest"
)

func TestBeginStoresQuestionAndAnswer(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newConversation(t, s)
		exchange(t, s, c, 1)
		b := send(c, 2)
		b.Question.Metadata = chat.Metadata{"client": "web", "nested": map[string]any{"n": 1.5}}
		b.Answer.IdempotencyKey, b.Answer.RequestHash = "key", "hash"
		begun := begin(t, s, b)

		if begun.Replayed || begun.Question.Seq != 3 || begun.Answer.Seq != 4 || begun.Answer.QuestionID != b.Question.ID {
			t.Errorf("begun: %+v", begun)
		}
		wantEqual(t, message(t, s, c, b.Question.ID), begun.Question)
		wantEqual(t, message(t, s, c, b.Answer.ID), begun.Answer)
		want := *b.Question
		want.ConversationID, want.Seq = c.ID, 3
		want.CreatedAt, want.UpdatedAt = stored(want.CreatedAt), stored(want.UpdatedAt)
		wantEqual(t, begun.Question, want)

		c.LastSeq, c.MessageCount, c.UpdatedAt = 4, 4, stored(at(2))
		wantEqual(t, begun.Conversation, c)
		checkCount(t, s, c)
	})
}

func TestBeginOfAnUnknownConversation(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newConversation(t, s)
		c.ID = id.New()
		_, err := s.BeginAnswer(t.Context(), send(c, 1))
		wantKind(t, err, problem.NotFound)
	})
}

func TestSameRequestGetsTheSameAnswer(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newConversation(t, s)
		b := send(c, 1)
		b.Answer.IdempotencyKey, b.Answer.RequestHash = "key", "hash"
		first := begin(t, s, b)

		same := send(c, 2)
		same.LastSeq = new(int64(0)) // which is stale by now; the replay comes first
		same.Answer.IdempotencyKey, same.Answer.RequestHash = "key", "hash"
		for _, status := range []chat.Status{chat.StatusStreaming, chat.StatusComplete} {
			if status == chat.StatusComplete {
				first.Conversation = finish(t, s, first.Answer, status, "done")
				first.Answer = message(t, s, c, first.Answer.ID)
			}
			first.Replayed = true
			wantEqual(t, begin(t, s, same), first)
		}
		other := send(c, 3)
		other.Answer.IdempotencyKey, other.Answer.RequestHash = "key", "another"
		_, err := s.BeginAnswer(t.Context(), other)
		wantKind(t, err, problem.KeyReused)

		elsewhere := conversationOf(t, s, c.UserID, "elsewhere", at(0))
		other.ConversationID = elsewhere.ID
		if begin(t, s, other).Replayed {
			t.Error("a key holds beyond its conversation")
		}
		checkCount(t, s, c)
	})
}

func TestKeylessRequestsAreNeverTheSame(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newConversation(t, s)
		exchange(t, s, c, 1)
		if begun := exchange(t, s, c, 2); begun.Replayed || begun.Answer.Seq != 4 {
			t.Errorf("begun: %+v", begun)
		}
	})
}

func TestSecondSendWhileOneRuns(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newConversation(t, s)
		running := begin(t, s, send(c, 1))
		second := send(c, 2)
		second.LastSeq = new(int64(0)) // stale too; what runs is told first
		_, err := s.BeginAnswer(t.Context(), second)
		wantKind(t, err, problem.GenerationRunning)
		wantEqual(t, problem.From(err).Details["messageId"], any(running.Answer.ID))
		now, err := s.Conversation(t.Context(), c.UserID, c.ID)
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, now, running.Conversation)
	})
}

func TestStaleSenderIsShownWhatWasMissed(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newConversation(t, s)
		known := exchange(t, s, c, 1)
		missed := exchange(t, s, c, 2)
		b := send(c, 3)
		b.LastSeq = new(known.Answer.Seq)
		_, err := s.BeginAnswer(t.Context(), b)
		wantKind(t, err, problem.StaleConversation)
		details := problem.From(err).Details
		wantEqual(t, details["lastSeq"], any(missed.Answer.Seq))
		shown, _ := details["missed"].([]chat.Message)
		wantEqual(t, ids(shown), []string{missed.Question.ID, missed.Answer.ID})

		b.LastSeq = new(missed.Answer.Seq)
		begin(t, s, b)
	})
}

func TestMissedMessagesAreBounded(t *testing.T) {
	s := storetest.SQLite(t)
	c := newConversation(t, s)
	for i := range chat.MissedLimit/2 + 1 {
		exchange(t, s, c, i)
	}
	b := send(c, 1)
	b.LastSeq = new(int64(0))
	_, err := s.BeginAnswer(t.Context(), b)
	shown, _ := problem.From(err).Details["missed"].([]chat.Message)
	if len(shown) != chat.MissedLimit || shown[0].Seq != 1 {
		t.Errorf("%d messages are shown", len(shown))
	}
}

func TestOnlyTheNewestAnswerIsMadeAgain(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newConversation(t, s)
		old, newest := exchange(t, s, c, 1), exchange(t, s, c, 2)
		elsewhere := exchange(t, s, conversationOf(t, s, c.UserID, "elsewhere", at(0)), 1)
		for name, answer := range map[string]chat.Message{
			"older": old.Answer, "question": newest.Question, "elsewhere": elsewhere.Answer, "unknown": {ID: id.New()},
		} {
			t.Run(name, func(t *testing.T) {
				_, err := s.BeginAnswer(t.Context(), again(c, answer, 3))
				wantKind(t, err, problem.Conflict)
			})
		}
		begun := begin(t, s, again(c, newest.Answer, 3))
		wantEqual(t, begun.Question, newest.Question)
		if begun.Answer.Seq != 5 || begun.Conversation.MessageCount != 5 {
			t.Errorf("begun: %+v", begun)
		}
		checkCount(t, s, c)
		_, err := s.BeginAnswer(t.Context(), again(c, newest.Answer, 4))
		wantKind(t, err, problem.GenerationRunning)
	})
}

const senders = 50

// race begins all at once and returns what came of each.
func race(t *testing.T, s *store.Store, beginnings []chat.Beginning) ([]chat.Begun, []error) {
	t.Helper()
	begun, errs := make([]chat.Begun, len(beginnings)), make([]error, len(beginnings))
	var all sync.WaitGroup
	for i, b := range beginnings {
		all.Go(func() { begun[i], errs[i] = s.BeginAnswer(t.Context(), b) })
	}
	all.Wait()
	return begun, errs
}

func TestRaceWithOneKeyMakesOneAnswer(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newConversation(t, s)
		beginnings := make([]chat.Beginning, senders)
		for i := range beginnings {
			beginnings[i] = send(c, i)
			beginnings[i].Answer.IdempotencyKey, beginnings[i].Answer.RequestHash = "key", "hash"
		}
		begun, errs := race(t, s, beginnings)
		fresh := 0
		for i, b := range begun {
			if errs[i] != nil {
				t.Fatal(errs[i])
			}
			if !b.Replayed {
				fresh++
			}
			if b.Answer.ID != begun[0].Answer.ID || b.Question.ID != begun[0].Question.ID {
				t.Errorf("sender %d got another answer", i)
			}
		}
		if messages := page(t, s, c, chat.MessageQuery{Limit: 100}); fresh != 1 || len(messages) != 2 {
			t.Errorf("%d answers were begun, %d messages stand", fresh, len(messages))
		}
		checkCount(t, s, c)
	})
}

func TestRaceWithManyKeysHasOneWinner(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newConversation(t, s)
		beginnings := make([]chat.Beginning, senders)
		for i := range beginnings {
			beginnings[i] = send(c, i)
			beginnings[i].Answer.IdempotencyKey = id.New()
		}
		_, errs := race(t, s, beginnings)
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else if !errors.Is(err, problem.GenerationRunning) {
				t.Error(err)
			}
		}
		if won != 1 {
			t.Errorf("%d of %d began", won, senders)
		}
		checkCount(t, s, c)
	})
}

func TestRaceOfTwoInstances(t *testing.T) {
	eachEmpty(t, func(t *testing.T, url string) {
		instances := []*store.Store{storetest.Open(t, url), storetest.Open(t, url)}
		if _, err := instances[0].MigrateUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		c := newConversation(t, instances[0])
		var fresh atomic.Int32
		var all sync.WaitGroup
		for i := range senders {
			b := send(c, i)
			b.Answer.IdempotencyKey = "key"
			all.Go(func() {
				begun, err := instances[i%2].BeginAnswer(t.Context(), b)
				if err != nil {
					t.Error(err)
				} else if !begun.Replayed {
					fresh.Add(1)
				}
			})
		}
		all.Wait()
		if fresh.Load() != 1 {
			t.Errorf("%d answers were begun", fresh.Load())
		}
		checkCount(t, instances[1], c)
	})
}
