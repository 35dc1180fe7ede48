package store_test

import (
	"testing"
	"time"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/store"
	"dreamchat/pkg/store/storetest"
)

func TestUsageSumsExactly(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newConversation(t, s)
		other := conversationOf(t, s, c.UserID, "other", at(0))
		took := func(c chat.Conversation, seconds int, model string, cost *string) {
			answer := begin(t, s, send(c, seconds)).Answer
			answer.Status, answer.ModelID, answer.Cost = chat.StatusComplete, model, cost
			answer.PromptTokens, answer.CompletionTokens, answer.TokensUsed = 1, 2, 3
			if _, err := s.FinishAnswer(t.Context(), 1, answer, charge(answer)); err != nil {
				t.Fatal(err)
			}
		}
		const day = 24 * 60 * 60
		took(c, 0, "a", new("0.1000000001"))
		took(c, 1, "b", new("0.2"))
		took(other, day, "a", nil)
		took(other, 2*day, "a", new("9"))               // too late
		took(newConversation(t, s), 0, "a", new("100")) // somebody else's

		first, both := stored(at(0)).Format(time.DateOnly), stored(at(day)).Format(time.DateOnly)
		sum := func(n int64, cost string) chat.UsageSum {
			return chat.UsageSum{Messages: n, PromptTokens: n, CompletionTokens: 2 * n, TokensUsed: 3 * n, Cost: cost, EstimatedCost: "0"}
		}
		for group, want := range map[chat.UsageGroup][]chat.UsageRow{
			chat.UsageByDay:   {{Key: first, UsageSum: sum(2, "0.3000000001")}, {Key: both, UsageSum: sum(1, "0")}},
			chat.UsageByModel: {{Key: "a", UsageSum: sum(2, "0.1000000001")}, {Key: "b", UsageSum: sum(1, "0.2")}},
			chat.UsageByConversation: {
				{Key: c.ID, UsageSum: sum(2, "0.3000000001")}, {Key: other.ID, UsageSum: sum(1, "0")},
			},
		} {
			report, err := s.Usage(t.Context(), c.UserID, chat.UsageQuery{From: at(0), To: at(2 * day), GroupBy: group})
			if err != nil {
				t.Fatal(err)
			}
			wantEqual(t, report, chat.UsageReport{
				Groups: want, Total: sum(3, "0.3000000001"), Titles: chat.UsageSum{Cost: "0", EstimatedCost: "0"},
			})
		}
	})
}
