package store_test

import (
	"slices"
	"testing"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/id"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/store"
	"dreamchat/pkg/store/storetest"
)

func TestConversationIsStoredAsItIs(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := chat.Conversation{
			ID: id.New(), UserID: storetest.User(t, s, "ada").ID, Title: "Über 100 %", ModelID: "a/b",
			IsPinned: true, IsArchived: true, CreatedAt: at(1), UpdatedAt: at(2),
		}
		if err := s.CreateConversation(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		got, err := s.Conversation(t.Context(), c.UserID, c.ID)
		if err != nil {
			t.Fatal(err)
		}
		c.CreatedAt, c.UpdatedAt = stored(c.CreatedAt), stored(c.UpdatedAt)
		wantEqual(t, got, c)
	})
}

func TestConversationNeedsAnAccount(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		err := s.CreateConversation(t.Context(), chat.Conversation{ID: id.New(), UserID: "nobody"})
		wantKind(t, err, problem.NotFound)
	})
}

func TestConversationOfAnotherDoesNotExist(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newConversation(t, s)
		begun := exchange(t, s, c, 1)
		other, ctx := storetest.User(t, s, "eve").ID, t.Context()
		stolen := send(c, 2)
		stolen.UserID = other

		for name, call := range map[string]func() error{
			"Conversation": func() error { _, err := s.Conversation(ctx, other, c.ID); return err },
			"Update": func() error {
				_, err := s.UpdateConversation(ctx, other, c.ID, chat.ConversationPatch{Title: new("mine")}, at(3))
				return err
			},
			"Delete":   func() error { return s.DeleteConversation(ctx, other, c.ID, at(3)) },
			"Message":  func() error { _, err := s.Message(ctx, other, begun.Answer.ID); return err },
			"Messages": func() error { _, err := s.Messages(ctx, other, c.ID, chat.MessageQuery{Limit: 9}); return err },
			"Begin":    func() error { _, err := s.BeginAnswer(ctx, stolen); return err },
		} {
			t.Run(name, func(t *testing.T) { wantKind(t, call(), problem.NotFound) })
		}
		list, total, err := s.Conversations(ctx, other, chat.ConversationQuery{Limit: 9})
		if err != nil || total != 0 || len(list) != 0 {
			t.Errorf("the list holds %d of %d, %v", len(list), total, err)
		}
		still, err := s.Conversation(ctx, c.UserID, c.ID)
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, still, begun.Conversation)
	})
}

func TestPatchChangesOnlyWhatItNames(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		want := exchangedConversation(t, s)
		for _, step := range []struct {
			patch  chat.ConversationPatch
			change func(*chat.Conversation)
		}{
			{chat.ConversationPatch{Title: new("")}, func(c *chat.Conversation) { c.Title = "" }},
			{chat.ConversationPatch{ModelID: new("x/y")}, func(c *chat.Conversation) { c.ModelID = "x/y" }},
			{chat.ConversationPatch{IsPinned: new(true)}, func(c *chat.Conversation) { c.IsPinned = true }},
			{chat.ConversationPatch{IsArchived: new(true)}, func(c *chat.Conversation) { c.IsArchived = true }},
			{chat.ConversationPatch{IsPinned: new(false)}, func(c *chat.Conversation) { c.IsPinned = false }},
			{chat.ConversationPatch{}, func(*chat.Conversation) {}},
		} {
			want.UpdatedAt = want.UpdatedAt.Add(1)
			now := at(100)
			step.change(&want)
			want.UpdatedAt = stored(now)
			got, err := s.UpdateConversation(t.Context(), want.UserID, want.ID, step.patch, now)
			if err != nil {
				t.Fatal(err)
			}
			wantEqual(t, got, want)
			got, err = s.Conversation(t.Context(), want.UserID, want.ID)
			if err != nil {
				t.Fatal(err)
			}
			wantEqual(t, got, want)
		}
	})
}

func TestTitleOfAnUntitledConversation(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx, user := t.Context(), storetest.User(t, s, "ada").ID
		want := exchange(t, s, conversationOf(t, s, user, "", at(0)), 1).Conversation
		conversationOf(t, s, user, "", at(0)) // stays as it is

		_, err := s.TitleConversation(ctx, storetest.User(t, s, "eve").ID, want.ID, "Hers", at(5))
		wantKind(t, err, problem.NotFound)
		_, err = s.TitleConversation(ctx, user, id.New(), "Nobody's", at(5))
		wantKind(t, err, problem.NotFound)

		want.Title = "Über Brot"
		got, err := s.TitleConversation(ctx, user, want.ID, want.Title, at(5))
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, got, want)
		_, err = s.TitleConversation(ctx, user, want.ID, "Another", at(6))
		wantKind(t, err, problem.Conflict)

		found, _, err := s.Conversations(ctx, user, chat.ConversationQuery{Search: "üBER", Limit: 9})
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, found, []chat.Conversation{want})
	})
}

func exchangedConversation(t *testing.T, s *store.Store) chat.Conversation {
	t.Helper()
	return exchange(t, s, newConversation(t, s), 1).Conversation
}

func TestListHasPinnedThenNewestThenIDs(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		user := storetest.User(t, s, "ada").ID
		old := conversationOf(t, s, user, "old", at(1))
		tie1 := conversationOf(t, s, user, "tie", at(2))
		tie2 := conversationOf(t, s, user, "tie", at(2))
		pinned := conversationOf(t, s, user, "pinned", at(0))
		_, err := s.UpdateConversation(t.Context(), user, pinned.ID, chat.ConversationPatch{IsPinned: new(true)}, at(0))
		if err != nil {
			t.Fatal(err)
		}
		newConversation(t, s) // somebody else's
		want := []string{pinned.ID, max(tie1.ID, tie2.ID), min(tie1.ID, tie2.ID), old.ID}
		for _, limit := range []int{1, 2, 3, 4, 9} {
			var walked []string
			for offset := 0; offset <= len(want); offset += limit {
				list, total, err := s.Conversations(t.Context(), user, chat.ConversationQuery{Limit: limit, Offset: offset})
				if err != nil || total != int64(len(want)) {
					t.Fatalf("limit %d, offset %d: total %d, %v", limit, offset, total, err)
				}
				for _, c := range list {
					walked = append(walked, c.ID)
				}
			}
			wantEqual(t, walked, want)
		}
	})
}

func TestListFilters(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		user := storetest.User(t, s, "ada").ID
		for i, title := range []string{"100% sure", "100 sure", "snake_case", "snake case", "Über Öl", "wow! really"} {
			conversationOf(t, s, user, title, at(i))
		}
		shelved := conversationOf(t, s, user, "shelved", at(9))
		_, err := s.UpdateConversation(t.Context(), user, shelved.ID, chat.ConversationPatch{IsArchived: new(true)}, at(9))
		if err != nil {
			t.Fatal(err)
		}
		for _, test := range []struct {
			name  string
			query chat.ConversationQuery
			want  []string
		}{
			{"percent sign", chat.ConversationQuery{Search: "0%"}, []string{"100% sure"}},
			{"underscore", chat.ConversationQuery{Search: "e_c"}, []string{"snake_case"}},
			{"exclamation mark", chat.ConversationQuery{Search: "W!"}, []string{"wow! really"}},
			{"ASCII case", chat.ConversationQuery{Search: "SNAKE"}, []string{"snake case", "snake_case"}},
			{"other case", chat.ConversationQuery{Search: "üBER ö"}, []string{"Über Öl"}},
			{"nothing", chat.ConversationQuery{Search: "'; DROP"}, nil},
			{"archived", chat.ConversationQuery{Archived: new(true)}, []string{"shelved"}},
			{"search and archive", chat.ConversationQuery{Archived: new(false), Search: "sh"}, nil},
		} {
			t.Run(test.name, func(t *testing.T) {
				test.query.Limit = 10
				list, total, err := s.Conversations(t.Context(), user, test.query)
				if err != nil {
					t.Fatal(err)
				}
				var titles []string
				for _, c := range list {
					titles = append(titles, c.Title)
				}
				if !slices.Equal(titles, test.want) || total != int64(len(test.want)) {
					t.Errorf("got %q of %d, want %q", titles, total, test.want)
				}
			})
		}
		renamed, _, err := s.Conversations(t.Context(), user, chat.ConversationQuery{Search: "shelved", Limit: 1})
		if err != nil || len(renamed) != 1 {
			t.Fatal(err)
		}
		if _, err = s.UpdateConversation(t.Context(), user, shelved.ID, chat.ConversationPatch{Title: new("Ärger")}, at(9)); err != nil {
			t.Fatal(err)
		}
		found, _, err := s.Conversations(t.Context(), user, chat.ConversationQuery{Search: "ärg", Limit: 1})
		if err != nil || len(found) != 1 {
			t.Errorf("a new title is not found: %v, %v", found, err)
		}
	})
}

func TestDeleteTakesEverythingInIt(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newConversation(t, s)
		done := exchange(t, s, c, 1)
		running := begin(t, s, send(c, 2))
		if err := s.DeleteConversation(t.Context(), c.UserID, c.ID, at(3)); err != nil {
			t.Fatal(err)
		}
		for _, messageID := range []string{done.Question.ID, running.Answer.ID} {
			_, err := s.Message(t.Context(), c.UserID, messageID)
			wantKind(t, err, problem.NotFound)
		}
		wantKind(t, s.DeleteConversation(t.Context(), c.UserID, c.ID, at(3)), problem.NotFound)
		lost, err := s.Checkpoint(t.Context(), []chat.Message{running.Answer}, at(3))
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, lost, []string{running.Answer.ID})
		_, err = s.FinishAnswer(t.Context(), 1, running.Answer, charge(running.Answer))
		wantKind(t, err, problem.Conflict)
	})
}
