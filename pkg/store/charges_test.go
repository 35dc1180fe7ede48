package store_test

import (
	"testing"
	"time"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/id"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/store"
	"dreamchat/pkg/store/storetest"
)

// completion is a charge for an answer that nobody keeps.
func completion(userID string, cost *string) chat.Charge {
	return chat.Charge{
		ID: id.New(), UserID: userID, Kind: chat.ChargeCompletion, Provider: "openrouter", ModelID: "m",
		PromptTokens: 1, CompletionTokens: 2, TokensUsed: 3, Cost: cost, State: chat.ChargeClosed,
		CreatedAt: at(0), UpdatedAt: at(0),
	}
}

func spent(t testing.TB, s *store.Store, userID string) chat.UsageReport {
	t.Helper()
	report, err := s.Usage(t.Context(), userID, chat.UsageQuery{
		From: at(-1), To: at(24 * 60 * 60), GroupBy: chat.UsageByConversation,
	})
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestAChargeIsOpenOrClosed(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ann, eve := storetest.User(t, s, "ann").ID, storetest.User(t, s, "eve").ID
		save := func(charge chat.Charge) {
			t.Helper()
			if err := s.SaveCharge(t.Context(), charge); err != nil {
				t.Fatal(err)
			}
		}
		closed := completion(ann, new("0.25"))
		open := closed
		open.State, open.Cost, open.Reserved = chat.ChargeOpen, nil, new("0.5")
		save(open)
		if got := spent(t, s, ann).Total; got.Messages != 0 {
			t.Errorf("what is open counts as %+v", got)
		}
		foreign := closed
		foreign.UserID = eve
		save(foreign)
		if got := spent(t, s, ann).Total.Messages + spent(t, s, eve).Total.Messages; got != 0 {
			t.Error("somebody else has closed the charge")
		}
		save(closed)
		late := closed
		late.Cost = new("99")
		save(late)
		if got := spent(t, s, ann).Total; got.Messages != 1 || got.TokensUsed != 3 || got.Cost != "0.25" {
			t.Errorf("what is closed counts as %+v", got)
		}
		wantKind(t, s.SaveCharge(t.Context(), completion(id.New(), nil)), problem.NotFound)
	})
}

func TestWhatWasSpentStaysSpent(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newConversation(t, s)
		begun := begin(t, s, send(c, 1))
		begun.Answer.Cost, begun.Answer.TokensUsed = new("0.5"), 7
		finish(t, s, begun.Answer, chat.StatusComplete, "answer")
		title := completion(c.UserID, new("0.125"))
		title.Kind, title.ConversationID = chat.ChargeTitle, c.ID
		if err := s.SaveCharge(t.Context(), title); err != nil {
			t.Fatal(err)
		}
		before := spent(t, s, c.UserID)
		if before.Total.Cost != "0.5" || before.Titles.Cost != "0.125" || len(before.Groups) != 1 || before.Groups[0].Key != c.ID {
			t.Errorf("spent %+v", before)
		}
		if err := s.DeleteConversation(t.Context(), c.UserID, c.ID, at(2)); err != nil {
			t.Fatal(err)
		}
		wantEqual(t, spent(t, s, c.UserID), before)
	})
}

// due saves a charge that is due at once and takes it.
func due(t *testing.T, s *store.Store, charge chat.Charge) chat.Charge {
	t.Helper()
	charge.SettleIn = time.Millisecond
	if err := s.SaveCharge(t.Context(), charge); err != nil {
		t.Fatal(err)
	}
	return taken(t, s, 1)[0]
}

// taken waits until so many charges are due.
func taken(t *testing.T, s *store.Store, n int) []chat.Charge {
	t.Helper()
	var all []chat.Charge
	for end := time.Now().Add(10 * time.Second); len(all) < n; {
		found, err := s.DueCharges(t.Context(), n, time.Hour)
		if err != nil || time.Now().After(end) {
			t.Fatalf("%d charges are due, %v", len(all), err)
		}
		all = append(all, found...)
	}
	return all
}

func TestAChargeIsTakenByOne(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		user := storetest.User(t, s, "ann").ID
		one := due(t, s, completion(user, nil))
		if one.UserID != user || one.SettleTries != 1 || one.TokensUsed != 3 || one.Cost != nil {
			t.Errorf("taken %+v", one)
		}
		if again, err := s.DueCharges(t.Context(), 9, time.Hour); err != nil || len(again) != 0 {
			t.Errorf("taken twice: %+v, %v", again, err)
		}
		if err := s.PutOffCharge(t.Context(), one, time.Millisecond); err != nil {
			t.Fatal(err)
		}
		two := taken(t, s, 1)[0]
		if two.ID != one.ID || two.SettleTries != 2 {
			t.Errorf("taken %+v", two)
		}
		usage := chat.Usage{PromptTokens: 4, CompletionTokens: 5, ReasoningTokens: 1, TotalTokens: 9, Cost: new("0.75")}
		wantKind(t, s.SettleCharge(t.Context(), one, usage, at(9)), problem.Conflict)
		if err := s.SettleCharge(t.Context(), two, usage, at(9)); err != nil {
			t.Fatal(err)
		}
		wantKind(t, s.SettleCharge(t.Context(), two, usage, at(9)), problem.Conflict)
		got := spent(t, s, user).Total
		wantEqual(t, got, chat.UsageSum{
			Messages: 1, PromptTokens: 4, CompletionTokens: 5, ReasoningTokens: 1, TokensUsed: 9, Cost: "0.75", EstimatedCost: "0",
		})

		three := due(t, s, completion(user, nil))
		if err := s.PutOffCharge(t.Context(), three, 0); err != nil {
			t.Fatal(err)
		}
		wantKind(t, s.SettleCharge(t.Context(), three, usage, at(9)), problem.Conflict) // given up
	})
}

func TestASettlementIsToldAndIsNoActivity(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newConversation(t, s)
		answer := begin(t, s, send(c, 1)).Answer
		answer.Status, answer.Content, answer.UpdatedAt = chat.StatusStopped, "Half", at(2)
		answer.TokensUsed, answer.Cost, answer.Estimated = 10, new("0.5"), true
		charged := charge(answer)
		charged.SettleIn = time.Millisecond
		finished, err := s.FinishAnswer(t.Context(), 1, answer, charged)
		if err != nil {
			t.Fatal(err)
		}
		if got := spent(t, s, c.UserID).Total; got.Cost != "0.5" || got.EstimatedCost != "0.5" {
			t.Errorf("before: %+v", got)
		}
		seen := len(feedOf(t, s, c.UserID))
		usage := chat.Usage{PromptTokens: 4, CompletionTokens: 3, ReasoningTokens: 1, TotalTokens: 7, Cost: new("0.25")}
		if err := s.SettleCharge(t.Context(), taken(t, s, 1)[0], usage, at(5)); err != nil {
			t.Fatal(err)
		}
		want := answer
		want.PromptTokens, want.CompletionTokens, want.ReasoningTokens, want.TokensUsed = 4, 3, 1, 7
		want.Cost, want.Estimated, want.UpdatedAt = new("0.25"), false, stored(at(5))
		wantEqual(t, message(t, s, c, answer.ID), want)
		now, err := s.Conversation(t.Context(), c.UserID, c.ID)
		finished.TotalTokens = 7
		if wantEqual(t, now, finished); err != nil {
			t.Fatal(err)
		}
		told := feedOf(t, s, c.UserID)[seen:]
		if len(told) != 2 || told[0].Type != chat.MessageUpdated || told[0].MessageID != answer.ID || told[1].Type != chat.ConversationUpdated {
			t.Errorf("the feed tells %+v", told)
		}
	})
}

func TestASettlementOutlivesItsConversation(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newConversation(t, s)
		answer := begin(t, s, send(c, 1)).Answer
		answer.Status = chat.StatusStopped
		charged := charge(answer)
		charged.SettleIn = time.Millisecond
		if _, err := s.FinishAnswer(t.Context(), 1, answer, charged); err != nil {
			t.Fatal(err)
		}
		if err := s.DeleteConversation(t.Context(), c.UserID, c.ID, at(2)); err != nil {
			t.Fatal(err)
		}
		seen := len(feedOf(t, s, c.UserID))
		if err := s.SettleCharge(t.Context(), taken(t, s, 1)[0], chat.Usage{Cost: new("0.25")}, at(3)); err != nil {
			t.Fatal(err)
		}
		if got := spent(t, s, c.UserID).Total.Cost; got != "0.25" {
			t.Errorf("the cost is %s", got)
		}
		if told := feedOf(t, s, c.UserID)[seen:]; len(told) != 0 {
			t.Errorf("the feed tells %+v", told)
		}
	})
}

// The migration charges what was answered before there were charges.
func TestEarlierAnswersAreCharged(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		c := newConversation(t, s)
		answer := begin(t, s, send(c, 1)).Answer
		answer.Cost, answer.TokensUsed = new("0.00000000000000000012"), 7
		finish(t, s, answer, chat.StatusComplete, "answer")
		fork := forkAt(c, answer.ID)
		if _, err := s.ForkConversation(t.Context(), fork); err != nil {
			t.Fatal(err)
		}
		begin(t, s, send(c, 2)) // which is charged when it ends
		before := spent(t, s, c.UserID)
		for taken := int64(versions + 1); taken > 8; {
			migration, err := s.MigrateDown(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			taken = migration.Version
		}
		if _, err := s.MigrateUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		if wantEqual(t, spent(t, s, c.UserID), before); before.Total.Messages != 1 || before.Total.Cost != *answer.Cost {
			t.Errorf("spent %+v", before)
		}
	})
}
