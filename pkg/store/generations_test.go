package store_test

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/store"
	"dreamchat/pkg/store/storetest"
)

func TestFinishSavesEverything(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newConversation(t, s)
		answer := begin(t, s, send(c, 1)).Answer
		answer.Content, answer.Reasoning, answer.Status = "Grüße 🎈", "so", chat.StatusFailed
		answer.ModelID, answer.FinishReason, answer.GenerationID = "other/model", "length", "gen-1"
		answer.PromptTokens, answer.CompletionTokens, answer.ReasoningTokens, answer.TokensUsed = 1, 2, 3, 4
		answer.Cost = new("0.000000000000000123450")
		answer.Error = &chat.Failure{Code: "upstream_error", Message: "m", Details: map[string]any{"a": "b"}, Retryable: true}
		answer.Metadata = chat.Metadata{"k": []any{"v", nil, true}}
		answer.Attempt, answer.LastEventSeq, answer.Marks = 2, 99, []byte{0, 255, 1}
		answer.UpdatedAt = at(5)

		finished, err := s.FinishAnswer(t.Context(), 1, answer, charge(answer))
		if err != nil {
			t.Fatal(err)
		}
		answer.UpdatedAt = stored(at(5))
		wantEqual(t, message(t, s, c, answer.ID), answer)
		c.LastSeq, c.MessageCount, c.TotalTokens, c.UpdatedAt = 2, 2, 4, stored(at(5))
		wantEqual(t, finished, c)
		checkCount(t, s, c)
	})
}

func TestCostsKeepEveryDigit(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newConversation(t, s)
		for i, cost := range []string{"0", "0.10", "0.0000001", "12345678901234567890.123456789012345678901", "100"} {
			answer := begin(t, s, send(c, i)).Answer
			answer.Status, answer.Cost = chat.StatusComplete, &cost
			if _, err := s.FinishAnswer(t.Context(), 1, answer, charge(answer)); err != nil {
				t.Fatal(err)
			}
			if got := message(t, s, c, answer.ID).Cost; got == nil || *got != cost {
				t.Errorf("the cost is %v, want %s", got, cost)
			}
		}
	})
}

func TestLateWriterLoses(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newConversation(t, s)
		answer := begin(t, s, send(c, 1)).Answer
		answer.Status, answer.Content, answer.TokensUsed = chat.StatusComplete, "mine", 7
		_, err := s.FinishAnswer(t.Context(), 2, answer, charge(answer))
		wantKind(t, err, problem.Conflict) // another attempt
		if _, err = s.FinishAnswer(t.Context(), 1, answer, charge(answer)); err != nil {
			t.Fatal(err)
		}
		late := answer
		late.Content, late.Status = "late", chat.StatusInterrupted
		_, err = s.FinishAnswer(t.Context(), 1, late, charge(late))
		wantKind(t, err, problem.Conflict)

		if got := message(t, s, c, answer.ID); got.Content != "mine" || got.Status != chat.StatusComplete {
			t.Errorf("stored: %+v", got)
		}
		now, err := s.Conversation(t.Context(), c.UserID, c.ID)
		if err != nil || now.TotalTokens != 7 {
			t.Errorf("the conversation took %d tokens, %v", now.TotalTokens, err)
		}
	})
}

func TestWhichAnswerStands(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		user := storetest.User(t, s, "ada").ID
		for _, test := range []struct {
			name    string
			status  chat.Status
			content string
			stands  bool
		}{
			{"complete", chat.StatusComplete, "text", true},
			{"complete and empty", chat.StatusComplete, "", true},
			{"stopped with text", chat.StatusStopped, "te", true},
			{"stopped without", chat.StatusStopped, "", false},
			{"failed", chat.StatusFailed, "te", false},
			{"interrupted", chat.StatusInterrupted, "te", false},
		} {
			t.Run(test.name, func(t *testing.T) {
				c := conversationOf(t, s, user, test.name, at(0))
				first := exchange(t, s, c, 1)
				second := begin(t, s, again(c, first.Answer, 2))
				finish(t, s, second.Answer, test.status, test.content)
				winner, loser := second.Answer.ID, first.Answer.ID
				if !test.stands {
					winner, loser = loser, winner
				}
				wantEqual(t, ids(page(t, s, c, chat.MessageQuery{Order: chat.OldestFirst, Limit: 9})),
					[]string{first.Question.ID, winner})
				if got := message(t, s, c, loser).SupersededBy; got != winner {
					t.Errorf("superseded by %q, want %q", got, winner)
				}
				if got := message(t, s, c, winner).SupersededBy; got != "" {
					t.Errorf("the winner is superseded by %q", got)
				}
				checkCount(t, s, c)
				begin(t, s, again(c, message(t, s, c, winner), 3)) // it is the newest that stands
			})
		}
	})
}

func TestHistoryIsWhatAModelMayRead(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newConversation(t, s)
		first := exchange(t, s, c, 1)
		empty := begin(t, s, send(c, 2))
		finish(t, s, empty.Answer, chat.StatusFailed, "")
		replaced := exchange(t, s, c, 3)
		better := begin(t, s, again(c, replaced.Answer, 4))
		finish(t, s, better.Answer, chat.StatusComplete, "better")
		running := begin(t, s, send(c, 5))

		for _, test := range []struct {
			before int64
			limit  int
			want   []string
		}{
			{1, 9, nil},
			{running.Answer.Seq + 1, 9, []string{
				first.Question.ID, first.Answer.ID, empty.Question.ID, replaced.Question.ID, better.Answer.ID, running.Question.ID,
			}},
			{running.Question.Seq, 2, []string{replaced.Question.ID, better.Answer.ID}},
		} {
			history, err := s.History(t.Context(), newestOf(c, test.before, test.limit))
			if err != nil {
				t.Fatal(err)
			}
			wantEqual(t, ids(history.Messages), test.want)
		}
	})
}

func TestCheckpointSavesAnswersThatRun(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		user := storetest.User(t, s, "ada").ID
		var running []chat.Message
		for range 3 {
			b := send(conversationOf(t, s, user, "", at(0)), 1)
			running = append(running, begin(t, s, b).Answer)
		}
		c := chat.Conversation{ID: running[0].ConversationID, UserID: user}
		closed, elsewhere := running[1], running[2]
		finish(t, s, closed, chat.StatusStopped, "closed")
		now := running[0]
		now.Content, now.Reasoning, now.Marks = "half", "because", []byte{1, 2}
		now.LastEventSeq, now.GenerationID = 17, "gen-2"
		now.ModelID = "some/fallback"
		now.Metadata = chat.Metadata{"tried": []any{map[string]any{"model": "some/model", "code": "upstream_error"}}}
		elsewhere.Attempt = 2
		closed.Content = "late"

		lost, err := s.Checkpoint(t.Context(), []chat.Message{elsewhere, now, closed}, at(9))
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, lost, []string{elsewhere.ID, closed.ID})
		now.UpdatedAt = stored(at(9))
		wantEqual(t, message(t, s, c, now.ID), now)
		if got := message(t, s, c, closed.ID).Content; got != "closed" {
			t.Errorf("a closed answer holds %q", got)
		}
		lost, err = s.Checkpoint(t.Context(), nil, at(9))
		if err != nil || len(lost) != 0 {
			t.Errorf("no answers: %v, %v", lost, err)
		}
	})
}

func TestRunningAnswers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		user := storetest.User(t, s, "ada").ID
		var want []chat.Running
		for second := range 4 {
			b := send(conversationOf(t, s, user, "", at(0)), second)
			b.Answer.Owner = "someone"
			answer := begin(t, s, b).Answer
			if second == 1 {
				finish(t, s, answer, chat.StatusComplete, "done")
				continue
			}
			want = append(want, chat.Running{UserID: user, MessageID: answer.ID, Owner: "someone", UpdatedAt: answer.UpdatedAt})
		}
		slices.SortFunc(want, func(a, b chat.Running) int { return strings.Compare(a.MessageID, b.MessageID) })
		for after, limit := "", 2; ; limit = 9 {
			got, err := s.RunningAnswers(t.Context(), after, limit)
			if err != nil {
				t.Fatal(err)
			}
			wantEqual(t, got, want[:min(limit, len(want))])
			want = want[len(got):]
			if len(want) == 0 {
				break
			}
			after = got[len(got)-1].MessageID
		}
	})
}

// Whoever closes an answer that seems to be abandoned loses against any sign of
// life.
func TestOnlyASilentAnswerIsClosed(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		user := storetest.User(t, s, "ada").ID
		answer := begin(t, s, send(conversationOf(t, s, user, "", at(0)), 1)).Answer
		closed := answer
		closed.Status, closed.Content = chat.StatusInterrupted, "what there was"
		if _, err := s.Checkpoint(t.Context(), []chat.Message{answer}, at(2)); err != nil {
			t.Fatal(err)
		}
		wantKind(t, s.CloseAnswer(t.Context(), answer, closed, charge(closed)), problem.Conflict)

		seen, err := s.Message(t.Context(), user, answer.ID)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.CloseAnswer(t.Context(), seen, closed, charge(closed)); err != nil {
			t.Fatal(err)
		}
		lost, err := s.Checkpoint(t.Context(), []chat.Message{answer}, at(3))
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, lost, []string{answer.ID})
		if _, err := s.FinishAnswer(t.Context(), answer.Attempt, answer, charge(answer)); err == nil {
			t.Error("the answer was finished after it was closed")
		}
	})
}

func TestStopRequests(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		user, other := storetest.User(t, s, "ada").ID, storetest.User(t, s, "bob").ID
		b := send(conversationOf(t, s, user, "", at(0)), 1)
		b.Answer.Owner = "here"
		answer := begin(t, s, b).Answer
		request := func(userID string, want bool) {
			t.Helper()
			running, err := s.RequestStop(t.Context(), userID, answer.ID)
			if err != nil || running != want {
				t.Errorf("running: %t, %v, want %t", running, err, want)
			}
		}
		requests := func(owner string, want ...string) {
			t.Helper()
			got, err := s.StopRequests(t.Context(), owner, 9)
			var stopped []string
			for _, stop := range got {
				stopped = append(stopped, stop.MessageID)
			}
			if err != nil || !slices.Equal(stopped, want) {
				t.Errorf("%s is to stop %v, %v, want %v", owner, got, err, want)
			}
		}
		request(other, false)
		requests("here")
		request(user, true)
		request(user, true)
		requests("here", answer.ID)
		requests("there")
		finish(t, s, answer, chat.StatusStopped, "half")
		requests("here")
		request(user, false)
	})
}

func TestDeletionsAndEndingsDoNotBlockEachOther(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		user := storetest.User(t, s, "ada").ID
		var all sync.WaitGroup
		for range 20 {
			c := conversationOf(t, s, user, "", at(0))
			answer := begin(t, s, send(c, 1)).Answer
			all.Go(func() {
				if err := s.DeleteConversation(t.Context(), user, c.ID, at(2)); err != nil {
					t.Error(err)
				}
			})
			all.Go(func() {
				if _, err := s.Checkpoint(t.Context(), []chat.Message{answer}, at(2)); err != nil {
					t.Error(err)
				}
			})
			all.Go(func() {
				done := answer
				done.Status = chat.StatusComplete
				if _, err := s.FinishAnswer(t.Context(), 1, done, charge(done)); err != nil {
					wantKind(t, err, problem.Conflict)
				}
			})
		}
		all.Wait()
	})
}
