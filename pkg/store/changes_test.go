package store_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/id"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/store"
	"dreamchat/pkg/store/storetest"
)

// feedOf is the whole feed of an account. Its numbers have to be 1, 2, 3, …
func feedOf(t testing.TB, s *store.Store, userID string) []chat.Change {
	t.Helper()
	changes, err := s.Changes(t.Context(), userID, 0, 10_000)
	if err != nil {
		t.Fatal(err)
	}
	for i, change := range changes {
		if change.Seq != int64(i+1) || change.UserID != userID {
			t.Fatalf("change %d is %+v", i+1, change)
		}
	}
	newest, err := s.NewestChange(t.Context(), userID)
	if err != nil || newest != int64(len(changes)) {
		t.Fatalf("the newest of %d changes is %d, %v", len(changes), newest, err)
	}
	return changes
}

// told names the changes, with the part of their subject's id that differs.
func told(changes []chat.Change) string {
	var lines []string
	for _, change := range changes {
		lines = append(lines, fmt.Sprintf("%s %s", change.Type, change.MessageID))
	}
	return strings.Join(lines, "\n")
}

func TestFeedHoldsEveryWrite(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newConversation(t, s)
		first := exchange(t, s, c, 1)
		second := begin(t, s, again(c, first.Answer, 2))
		finish(t, s, second.Answer, chat.StatusComplete, "better")
		third := begin(t, s, again(c, second.Answer, 3))
		lost, err := s.Checkpoint(t.Context(), []chat.Message{third.Answer}, at(4)) // is told nowhere
		if err != nil || len(lost) != 0 {
			t.Fatalf("lost %v, %v", lost, err)
		}
		finish(t, s, third.Answer, chat.StatusFailed, "")
		if _, err := s.UpdateConversation(t.Context(), c.UserID, c.ID, chat.ConversationPatch{Title: new("New")}, at(5)); err != nil {
			t.Fatal(err)
		}
		if err := s.DeleteConversation(t.Context(), c.UserID, c.ID, at(6)); err != nil {
			t.Fatal(err)
		}

		feed := feedOf(t, s, c.UserID)
		q, a1, a2, a3 := first.Question.ID, first.Answer.ID, second.Answer.ID, third.Answer.ID
		want := strings.Join([]string{
			"conversation_created ",
			"message_created " + q, "message_created " + a1, "generation_started " + a1, "conversation_updated ",
			"message_updated " + a1, "generation_finished " + a1, "conversation_updated ",
			"message_created " + a2, "generation_started " + a2, "conversation_updated ",
			"message_updated " + a2, "message_updated " + a1, "generation_finished " + a2, "conversation_updated ",
			"message_created " + a3, "generation_started " + a3, "conversation_updated ",
			"message_updated " + a3, "generation_finished " + a3, "conversation_updated ",
			"conversation_updated ",
			"conversation_deleted ",
		}, "\n")
		if got := told(feed); got != want {
			t.Errorf("the feed is\n%s\nwant\n%s", got, want)
		}
		var superseded, unchanged chat.MessageChange
		decode(t, feed[12], &superseded)
		wantEqual(t, superseded, chat.MessageChange{
			ConversationID: c.ID, MessageID: a1, Seq: 2, Role: chat.RoleAssistant, Status: chat.StatusComplete,
			QuestionID: q, SupersededBy: a2, At: stored(at(2)),
		})
		decode(t, feed[18], &unchanged)
		if unchanged.SupersededBy != a2 || unchanged.Status != chat.StatusFailed {
			t.Errorf("the answer that failed is told as %+v", unchanged)
		}
		for _, change := range feed {
			if change.ConversationID != c.ID {
				t.Errorf("%+v", change)
			}
		}
		wantEqual(t, feed[22].CreatedAt, stored(at(6)))
	})
}

func decode(t *testing.T, change chat.Change, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(change.Data), into); err != nil {
		t.Fatalf("%s: %v", change.Data, err)
	}
}

func TestFeedShowsConversationsAsTheyAre(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newConversation(t, s)
		begun := begin(t, s, send(c, 1))
		finished := finish(t, s, begun.Answer, chat.StatusStopped, "an")
		patched, err := s.UpdateConversation(t.Context(), c.UserID, c.ID, chat.ConversationPatch{IsPinned: new(true)}, at(3))
		if err != nil {
			t.Fatal(err)
		}
		var shown []chat.Conversation
		for _, change := range feedOf(t, s, c.UserID) {
			var data chat.ConversationChange
			decode(t, change, &data)
			if data.Conversation != nil {
				data.Conversation.UserID = c.UserID // which is not told
				shown = append(shown, *data.Conversation)
			}
		}
		wantEqual(t, shown, []chat.Conversation{c, begun.Conversation, finished, patched})
	})
}

func TestRefusedWritesLeaveNoChange(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newConversation(t, s)
		keyed := send(c, 1)
		keyed.Answer.IdempotencyKey, keyed.Answer.RequestHash = "key", "hash"
		first := begin(t, s, keyed)
		running := send(c, 2)
		reused, stale, foreign := keyed, send(c, 2), send(c, 2)
		reused.Answer.RequestHash, stale.LastSeq, foreign.UserID = "other", new(int64(0)), storetest.User(t, s, "eve").ID
		before := told(feedOf(t, s, c.UserID))
		ctx := t.Context()
		late := first.Answer
		late.Attempt = 2

		for name, write := range map[string]func() error{
			"running": func() error { _, err := s.BeginAnswer(ctx, running); return err },
			"reused":  func() error { _, err := s.BeginAnswer(ctx, reused); return err },
			"stale":   func() error { _, err := s.BeginAnswer(ctx, stale); return err },
			"foreign": func() error { _, err := s.BeginAnswer(ctx, foreign); return err },
			"late":    func() error { _, err := s.FinishAnswer(ctx, 2, late, charge(late)); return err },
			"gone":    func() error { return s.DeleteConversation(ctx, c.UserID, id.New(), at(3)) },
			"patch": func() error {
				_, err := s.UpdateConversation(ctx, foreign.UserID, c.ID, chat.ConversationPatch{}, at(3))
				return err
			},
			"delete": func() error { return s.DeleteConversation(ctx, foreign.UserID, c.ID, at(3)) },
		} {
			if write() == nil {
				t.Errorf("%s is not refused", name)
			}
		}
		if replayed := begin(t, s, keyed); !replayed.Replayed {
			t.Error("the request is not known any more")
		}
		if after := told(feedOf(t, s, c.UserID)); after != before {
			t.Errorf("the feed was\n%s\nand is\n%s", before, after)
		}
		if feed := feedOf(t, s, foreign.UserID); len(feed) != 0 {
			t.Errorf("somebody else is told %+v", feed)
		}
	})
}

// Without its change nothing is written: a feed that cannot take it keeps each
// write from happening.
func TestChangeAndWriteCommitTogether(t *testing.T) {
	eachEmpty(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		if _, err := s.MigrateUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		c := newConversation(t, s)
		exchange(t, s, c, 1)
		running := begin(t, s, send(c, 2))
		quiet := conversationOf(t, s, c.UserID, "quiet", at(0))
		execute(t, url, "ALTER TABLE changes RENAME TO away")

		ctx := t.Context()
		made, next := quiet, send(quiet, 3)
		made.ID = id.New()
		finished := running.Answer
		finished.Status = chat.StatusComplete
		for name, write := range map[string]func() error{
			"create": func() error { return s.CreateConversation(ctx, made) },
			"update": func() error {
				_, err := s.UpdateConversation(ctx, c.UserID, c.ID, chat.ConversationPatch{Title: new("New")}, at(4))
				return err
			},
			"delete": func() error { return s.DeleteConversation(ctx, c.UserID, c.ID, at(4)) },
			"begin":  func() error { _, err := s.BeginAnswer(ctx, next); return err },
			"finish": func() error { _, err := s.FinishAnswer(ctx, 1, finished, charge(finished)); return err },
		} {
			if write() == nil {
				t.Errorf("%s succeeds", name)
			}
		}

		execute(t, url, "ALTER TABLE away RENAME TO changes")
		_, err := s.Conversation(ctx, c.UserID, made.ID)
		wantKind(t, err, problem.NotFound)
		still, err := s.Conversation(ctx, c.UserID, c.ID)
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, still, running.Conversation)
		wantEqual(t, message(t, s, c, running.Answer.ID), running.Answer)
		wantEqual(t, len(page(t, s, quiet, chat.MessageQuery{Limit: 9})), 0)
		if feed := feedOf(t, s, c.UserID); len(feed) != 1+7+4+1 {
			t.Errorf("the feed is\n%s", told(feed))
		}
	})
}

func execute(t *testing.T, url, statement string) {
	t.Helper()
	driver, source := "pgx", url
	if path, isFile := strings.CutPrefix(url, "sqlite:"); isFile {
		driver, source = "sqlite", path
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// Whoever reads while others write meets every number in its order.
func TestNumbersBecomeVisibleInTheirOrder(t *testing.T) {
	eachEmpty(t, func(t *testing.T, url string) {
		instances := []*store.Store{storetest.Open(t, url), storetest.Open(t, url)}
		if _, err := instances[0].MigrateUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		user := storetest.User(t, instances[0], "ada").ID
		const writers, rounds, changesOfARound = 8, 10, 1 + 7
		var writing sync.WaitGroup
		for i := range writers {
			s := instances[i%2]
			writing.Go(func() {
				for range rounds {
					c := conversationOf(t, s, user, "", at(0))
					exchange(t, s, c, 1)
				}
			})
		}
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			writing.Wait()
			cancel()
		}()
		after := int64(0)
		for done := false; !done; {
			done = ctx.Err() != nil // before the last look
			changes, err := instances[1].Changes(t.Context(), user, after, 7)
			if err != nil {
				t.Fatal(err)
			}
			for _, change := range changes {
				if change.Seq != after+1 {
					t.Fatalf("%d follows on %d", change.Seq, after)
				}
				after++
			}
			done = done && len(changes) == 0
		}
		if after != writers*rounds*changesOfARound {
			t.Errorf("%d changes were read", after)
		}
	})
}

func TestPruningTakesTheOldest(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		user := storetest.User(t, s, "ada").ID
		for i := range 6 {
			c := chat.Conversation{ID: id.New(), UserID: user, CreatedAt: at(i), UpdatedAt: at(i)}
			if err := s.CreateConversation(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}
		for _, step := range []struct {
			before         time.Time
			limit          int
			pruned, oldest int64
		}{
			{at(0), 9, 0, 1}, {at(3), 2, 2, 3}, {at(3), 9, 1, 4}, {at(3), 9, 0, 4}, {at(9), 9, 3, 0},
		} {
			pruned, err := s.PruneChanges(t.Context(), step.before, step.limit)
			if err != nil || int64(pruned) != step.pruned {
				t.Errorf("%d changes are pruned, want %d, %v", pruned, step.pruned, err)
			}
			left, err := s.Changes(t.Context(), user, 0, 1)
			if err != nil || step.oldest > 0 && left[0].Seq != step.oldest || step.oldest == 0 && len(left) > 0 {
				t.Errorf("the oldest is %+v, want %d, %v", left, step.oldest, err)
			}
		}
		if newest, err := s.NewestChange(t.Context(), user); err != nil || newest != 6 {
			t.Errorf("the newest is %d, %v", newest, err)
		}
		_, err := s.NewestChange(t.Context(), "nobody")
		wantKind(t, err, problem.NotFound)
	})
}

func TestInstancesPruneAtOnce(t *testing.T) {
	eachEmpty(t, func(t *testing.T, url string) {
		instances := []*store.Store{storetest.Open(t, url), storetest.Open(t, url)}
		if _, err := instances[0].MigrateUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		user := storetest.User(t, instances[0], "ada").ID
		for range 60 {
			conversationOf(t, instances[0], user, "", at(0))
		}
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				for range 20 {
					if _, err := instances[i%2].PruneChanges(t.Context(), at(1), 5); err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		left, err := instances[0].Changes(t.Context(), user, 0, 100)
		if err != nil || len(left) > 0 {
			t.Errorf("%d are left, %v", len(left), err)
		}
	})
}

func TestFeedTellsWhatAQuestionReplaces(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newConversation(t, s)
		exchange(t, s, c, 1) // stays
		second := exchange(t, s, c, 2)
		third := exchange(t, s, c, 3)
		before := len(feedOf(t, s, c.UserID))
		b := send(c, 4)
		b.Question.Replaces = second.Question.ID
		begun := begin(t, s, b)

		feed := feedOf(t, s, c.UserID)[before:]
		want := strings.Join([]string{
			"message_created " + begun.Question.ID, "message_created " + begun.Answer.ID,
			"message_updated " + second.Question.ID, "message_updated " + second.Answer.ID,
			"message_updated " + third.Question.ID, "message_updated " + third.Answer.ID,
			"generation_started " + begun.Answer.ID, "conversation_updated ",
		}, "\n")
		if got := told(feed); got != want {
			t.Fatalf("the feed is\n%s\nwant\n%s", got, want)
		}
		var superseded chat.MessageChange
		decode(t, feed[3], &superseded)
		wantEqual(t, superseded, chat.MessageChange{
			ConversationID: c.ID, MessageID: second.Answer.ID, Seq: 4, Role: chat.RoleAssistant,
			Status: chat.StatusComplete, QuestionID: second.Question.ID, SupersededBy: begun.Question.ID, At: stored(at(4)),
		})
		var updated chat.ConversationChange
		decode(t, feed[7], &updated)
		updated.Conversation.UserID = c.UserID
		wantEqual(t, *updated.Conversation, begun.Conversation)
	})
}

func TestFeedTellsOfAFork(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newConversation(t, s)
		last := exchange(t, s, c, 1).Answer
		before := len(feedOf(t, s, c.UserID))
		made, err := s.ForkConversation(t.Context(), chat.Fork{
			ID: id.New(), UserID: c.UserID, ConversationID: c.ID, MessageID: last.ID, At: at(2),
		})
		if err != nil {
			t.Fatal(err)
		}
		feed := feedOf(t, s, c.UserID)[before:]
		if len(feed) != 1 || feed[0].Type != chat.ConversationCreated || feed[0].ConversationID != made.ID {
			t.Errorf("the feed tells %+v", feed)
		}
	})
}
