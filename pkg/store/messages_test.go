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

func TestPagesSeekByPosition(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newConversation(t, s)
		for i := range 4 {
			exchange(t, s, c, i)
		}
		exchange(t, s, conversationOf(t, s, c.UserID, "elsewhere", at(0)), 1)
		for _, test := range []struct {
			query chat.MessageQuery
			want  []int64
		}{
			{chat.MessageQuery{Limit: 9, Order: chat.NewestFirst}, []int64{8, 7, 6, 5, 4, 3, 2, 1}},
			{chat.MessageQuery{Limit: 3, Order: chat.NewestFirst}, []int64{8, 7, 6}},
			{chat.MessageQuery{Limit: 3, Order: chat.NewestFirst, Before: 6}, []int64{5, 4, 3}},
			{chat.MessageQuery{Limit: 3, Order: chat.OldestFirst}, []int64{1, 2, 3}},
			{chat.MessageQuery{Limit: 3, Order: chat.OldestFirst, After: 3}, []int64{4, 5, 6}},
			{chat.MessageQuery{Limit: 9, Order: chat.OldestFirst, After: 3, Before: 6}, []int64{4, 5}},
			{chat.MessageQuery{Limit: 9, Order: chat.OldestFirst, After: 8}, nil},
			{chat.MessageQuery{Limit: 9, Order: chat.NewestFirst, Before: 1}, nil},
		} {
			var positions []int64
			for _, m := range page(t, s, c, test.query) {
				positions = append(positions, m.Seq)
			}
			if !slices.Equal(positions, test.want) {
				t.Errorf("%+v: got %v, want %v", test.query, positions, test.want)
			}
		}
	})
}

func TestEmptyIsNotUnknown(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newConversation(t, s)
		empty := page(t, s, c, chat.MessageQuery{Limit: 9})
		if empty == nil || len(empty) != 0 {
			t.Errorf("an empty conversation has the page %#v", empty)
		}
		_, err := s.Messages(t.Context(), c.UserID, id.New(), chat.MessageQuery{Limit: 9})
		wantKind(t, err, problem.NotFound)
		_, err = s.Message(t.Context(), c.UserID, id.New())
		wantKind(t, err, problem.NotFound)
	})
}
