package store_test

import (
	"strings"
	"testing"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/store"
	"dreamchat/pkg/store/storetest"
)

const aDetail = `[{"type":"reasoning.text","index":0,"text":"Hm"}]`

// words are five answers of 10, 20, … bytes, each after a question of 8 bytes.
func words(t *testing.T, s *store.Store, c chat.Conversation) (all []chat.Message) {
	t.Helper()
	for i := range 5 {
		begun := begin(t, s, send(c, i))
		answer := begun.Answer
		details := aDetail
		answer.ReasoningDetails = &details
		if i%2 == 1 {
			answer.ModelID = "another/model"
		}
		finish(t, s, answer, chat.StatusComplete, strings.Repeat("é", 5*(i+1)))
		all = append(all, begun.Question, begun.Answer)
	}
	return all
}

func TestHistoryIsBounded(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newConversation(t, s)
		all := words(t, s, c)
		exchange(t, s, newConversation(t, s), 9) // is none of it
		for _, test := range []struct {
			name     string
			query    chat.HistoryQuery
			messages int
		}{
			{"all", chat.HistoryQuery{Messages: 10, Bytes: 1 << 20}, 10},
			{"as many as are asked for", chat.HistoryQuery{Messages: 9, Bytes: 1 << 20}, 9},
			{"few", chat.HistoryQuery{Messages: 2, Bytes: 1 << 20}, 2},
			{"bytes of one", chat.HistoryQuery{Messages: 10, Bytes: 50}, 1},
			{"bytes of one and a bit", chat.HistoryQuery{Messages: 10, Bytes: 51}, 2},
			{"bytes of five", chat.HistoryQuery{Messages: 10, Bytes: 50 + 8 + 40 + 8 + 1}, 5},
			{"few bytes of few", chat.HistoryQuery{Messages: 3, Bytes: 51}, 2},
		} {
			t.Run(test.name, func(t *testing.T) {
				test.query.ConversationID, test.query.Before = c.ID, 11
				history, err := s.History(t.Context(), test.query)
				if err != nil {
					t.Fatal(err)
				}
				wantEqual(t, ids(history.Messages), ids(all[10-test.messages:]))
				if history.Older != 10-test.messages {
					t.Errorf("%d are older, want %d", history.Older, 10-test.messages)
				}
			})
		}
		without := chat.HistoryQuery{ConversationID: c.ID, Before: 11, Without: all[9].ID, Messages: 4, Bytes: 1 << 20}
		history, err := s.History(t.Context(), without)
		if err != nil || history.Older != 5 {
			t.Errorf("%d are older, %v", history.Older, err)
		}
		wantEqual(t, ids(history.Messages), ids(all[5:9]))
	})
}

// Reasoning details are read for the model that made them, newest first, and for
// nobody else.
func TestHistoryHoldsReasoningDetails(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newConversation(t, s)
		all := words(t, s, c)
		for _, test := range []struct {
			model string
			bytes int
			want  string // which of the answers have them
		}{
			{chat.DemoModelID, 1 << 20, "1 5 9 "},
			{chat.DemoModelID, 2 * len(aDetail), "5 9 "},
			{chat.DemoModelID, 2*len(aDetail) - 1, "9 "},
			{"another/model", 1 << 20, "3 7 "},
			{"no/model", 1 << 20, ""},
		} {
			history, err := s.History(t.Context(), chat.HistoryQuery{
				ConversationID: c.ID, Before: 11, Messages: 10, Bytes: 1 << 20, ModelID: test.model, DetailBytes: test.bytes,
			})
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			for i, message := range history.Messages {
				if message.ReasoningDetails != nil {
					got += string(rune('0'+i)) + " "
				}
			}
			if got != test.want {
				t.Errorf("%s, %d bytes: %q, want %q", test.model, test.bytes, got, test.want)
			}
		}
		if m := message(t, s, c, all[1].ID); m.ReasoningDetails != nil {
			t.Error("a message is read with what only models need")
		}
		for _, m := range page(t, s, c, chat.MessageQuery{Limit: 10}) {
			if m.ReasoningDetails != nil {
				t.Error("a page is read with what only models need")
			}
		}
	})
}
