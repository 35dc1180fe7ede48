package store_test

import (
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/store"
	"dreamchat/pkg/store/storetest"
)

// amount draws an exact decimal that is not negative, with up to thirty digits
// behind the point.
func amount() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		whole := fmt.Sprint(rapid.IntRange(0, 2000).Draw(t, "whole"))
		fraction := rapid.StringMatching(`[0-9]{0,30}`).Draw(t, "fraction")
		if fraction = strings.TrimRight(fraction, "0"); fraction == "" {
			return whole
		}
		return whole + "." + fraction
	})
}

// exactly is a decimal as a fraction, by another arithmetic than the one that is
// tested.
func exactly(t *rapid.T, decimal string) *big.Rat {
	value, ok := new(big.Rat).SetString(decimal)
	if !ok || strings.ContainsAny(decimal, "eE+-/") {
		t.Fatalf("%q is no decimal", decimal)
	}
	return value
}

// sums are exact sums, by key.
type sums map[string]*big.Rat

func (s sums) add(key string, value *big.Rat) {
	if s[key] == nil {
		s[key] = new(big.Rat)
	}
	s[key].Add(s[key], value)
}

// Whatever the answers cost, by the provider or by prices, at once or later: the
// sums by day, model and conversation are those of the messages' costs, to the
// last digit.
func TestUsageEqualsTheMessages(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		rapid.Check(t, func(rt *rapid.T) {
			user := storetest.User(t, s, fmt.Sprint("user", time.Now().UnixNano())).ID
			talks := []chat.Conversation{conversationOf(t, s, user, "one", at(0)), conversationOf(t, s, user, "two", at(0))}
			for range rapid.IntRange(1, 6).Draw(rt, "answers") {
				answerOf(t, rt, s, rapid.SampledFrom(talks).Draw(rt, "conversation"))
			}
			want := map[chat.UsageGroup]sums{chat.UsageByDay: {}, chat.UsageByModel: {}, chat.UsageByConversation: {}}
			total := new(big.Rat)
			for _, talk := range talks {
				for _, m := range page(t, s, talk, chat.MessageQuery{Limit: 100, Superseded: true}) {
					cost := new(big.Rat)
					if m.Cost != nil {
						cost = exactly(rt, *m.Cost)
					}
					if m.Role == chat.RoleAssistant {
						want[chat.UsageByDay].add(m.CreatedAt.Format(time.DateOnly), cost)
						want[chat.UsageByModel].add(m.ModelID, cost)
						want[chat.UsageByConversation].add(m.ConversationID, cost)
						total.Add(total, cost)
					}
				}
			}
			for group, sums := range want {
				checkUsage(t, rt, s, user, group, sums, total)
			}
		})
	})
}

// answerOf stores an answer that costs anything, and perhaps settles it.
func answerOf(t *testing.T, rt *rapid.T, s *store.Store, c chat.Conversation) {
	t.Helper()
	const day = 24 * 60 * 60
	answer := begin(t, s, send(c, rapid.IntRange(0, 3*day).Draw(rt, "second"))).Answer
	price := rapid.OneOf(amount(), rapid.Just(""))
	model := chat.Model{
		ID: rapid.SampledFrom([]string{"a/b", "c/d"}).Draw(rt, "model"), Provider: "openrouter",
		PricingInput: price.Draw(rt, "input"), PricingOutput: price.Draw(rt, "output"),
	}
	tokens := rapid.IntRange(0, 1_000_000)
	usage := chat.Usage{PromptTokens: tokens.Draw(rt, "prompt"), CompletionTokens: tokens.Draw(rt, "completion")}
	if rapid.Bool().Draw(rt, "told") {
		usage.Cost = new(amount().Draw(rt, "cost"))
	}
	charged := new(chat.Ledger).Charge(model, chat.Spent{Usage: usage})
	if usage.Cost == nil && model.PricingInput != "" && model.PricingOutput != "" {
		prompt := new(big.Rat).Mul(exactly(rt, model.PricingInput), big.NewRat(int64(usage.PromptTokens), 1))
		completion := new(big.Rat).Mul(exactly(rt, model.PricingOutput), big.NewRat(int64(usage.CompletionTokens), 1))
		if exactly(rt, *charged.Cost).Cmp(prompt.Add(prompt, completion)) != 0 {
			rt.Fatalf("%s and %s for %d and %d tokens are not %s",
				model.PricingInput, model.PricingOutput, usage.PromptTokens, usage.CompletionTokens, *charged.Cost)
		}
	}
	answer.Status, answer.ModelID = chat.StatusComplete, model.ID
	answer.Cost, answer.Estimated = charged.Cost, charged.Estimated
	charged.ID, charged.Kind, charged.ConversationID, charged.MessageID = answer.ID, chat.ChargeAnswer, c.ID, answer.ID
	charged.CreatedAt, charged.UpdatedAt = answer.CreatedAt, answer.UpdatedAt
	settled := rapid.Bool().Draw(rt, "settled")
	if settled {
		charged.SettleIn = time.Nanosecond
	}
	if _, err := s.FinishAnswer(t.Context(), 1, answer, charged); err != nil {
		t.Fatal(err)
	}
	if settled {
		usage.Cost = new(amount().Draw(rt, "settled cost"))
		if err := s.SettleCharge(t.Context(), taken(t, s, 1)[0], usage, at(0)); err != nil {
			t.Fatal(err)
		}
	}
}

func checkUsage(
	t *testing.T, rt *rapid.T, s *store.Store, user string, group chat.UsageGroup, want sums, total *big.Rat,
) {
	t.Helper()
	report, err := s.Usage(t.Context(), user, chat.UsageQuery{From: at(0), To: at(10 * 24 * 60 * 60), GroupBy: group})
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Groups) != len(want) || exactly(rt, report.Total.Cost).Cmp(total) != 0 {
		rt.Errorf("by %s %d groups of %s, want %d of %s", group, len(report.Groups), report.Total.Cost, len(want), total)
	}
	for _, row := range report.Groups {
		if sum := want[row.Key]; sum == nil || exactly(rt, row.Cost).Cmp(sum) != 0 {
			rt.Errorf("%s cost %s, want %v", row.Key, row.Cost, sum)
		}
	}
}
