package store_test

import (
	"testing"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/id"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/store"
	"dreamchat/pkg/store/storetest"
)

// called is a question that its client has an id for.
func called(c chat.Conversation, clientID string, seconds int) chat.Beginning {
	b := send(c, seconds)
	b.Question.ClientID = clientID
	return b
}

func TestQuestionsAreFoundByTheirNames(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newConversation(t, s)
		first := begin(t, s, called(c, "m1", 1))
		finish(t, s, first.Answer, chat.StatusComplete, "one")
		second := begin(t, s, called(c, "m2", 2))
		for _, name := range []string{"m1", first.Question.ID, first.Answer.ID} {
			asked, err := s.Asked(t.Context(), c.UserID, c.ID, name)
			if err != nil || asked.Question.ID != first.Question.ID || asked.Answer.ID != first.Answer.ID || asked.Last {
				t.Errorf("%s is %+v, %v", name, asked, err)
			}
		}
		finish(t, s, second.Answer, chat.StatusComplete, "two")
		newer := begin(t, s, again(c, second.Answer, 3))
		asked, err := s.Asked(t.Context(), c.UserID, c.ID, second.Answer.ID)
		if err != nil || asked.Question.ClientID != "m2" || asked.Answer.ID != newer.Answer.ID || !asked.Last {
			t.Errorf("the question of the earlier answer is %+v, %v", asked, err)
		}
		finish(t, s, newer.Answer, chat.StatusFailed, "")
		if asked, err = s.Asked(t.Context(), c.UserID, c.ID, "m2"); err != nil || asked.Answer.ID != second.Answer.ID {
			t.Errorf("after the failure it is %+v, %v", asked, err)
		}

		// An edit keeps the client's id; what it has replaced is not asked any more.
		edit := called(c, "m1", 4)
		edit.Question.Replaces = first.Question.ID
		edited := begin(t, s, edit)
		if asked, err = s.Asked(t.Context(), c.UserID, c.ID, "m1"); err != nil || asked.Question.ID != edited.Question.ID || !asked.Last {
			t.Errorf("after the edit it is %+v, %v", asked, err)
		}
		for _, name := range []string{first.Question.ID, second.Answer.ID, "m2"} {
			_, err := s.Asked(t.Context(), c.UserID, c.ID, name)
			wantKind(t, err, problem.Conflict)
		}
		other := newConversation(t, s)
		for name, in := range map[string]chat.Conversation{"m3": c, "": c, id.New(): c, "m1": other, first.Question.ID: other} {
			_, err := s.Asked(t.Context(), in.UserID, in.ID, name)
			wantKind(t, err, problem.NotFound)
		}
		_, err = s.Asked(t.Context(), other.UserID, c.ID, "m1")
		wantKind(t, err, problem.NotFound)
	})
}

func TestConversationsAreFoundByTheirNames(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newConversation(t, s)
		named := chat.Conversation{ID: id.New(), UserID: c.UserID, ClientID: "chat-1", ModelID: chat.DemoModelID}
		if err := s.CreateConversation(t.Context(), named); err != nil {
			t.Fatal(err)
		}
		again := named
		again.ID = id.New()
		wantKind(t, s.CreateConversation(t.Context(), again), problem.AlreadyExists)
		again.UserID = newConversation(t, s).UserID
		if err := s.CreateConversation(t.Context(), again); err != nil {
			t.Errorf("another user's: %v", err)
		}
		// A client may have any id, another conversation's too.
		taken := chat.Conversation{ID: id.New(), UserID: c.UserID, ClientID: c.ID, ModelID: chat.DemoModelID}
		if err := s.CreateConversation(t.Context(), taken); err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]string{"chat-1": named.ID, named.ID: named.ID, c.ID: c.ID} {
			found, err := s.ConversationOf(t.Context(), c.UserID, name)
			if err != nil || found.ID != want {
				t.Errorf("%s is %+v, %v", name, found, err)
			}
		}
		for _, name := range []string{"", "chat-2", again.ID} {
			_, err := s.ConversationOf(t.Context(), c.UserID, name)
			wantKind(t, err, problem.NotFound)
		}
	})
}
