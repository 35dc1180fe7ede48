package store

import (
	"context"
	"math/big"
	"strings"

	"dreamchat/migrations"
	"dreamchat/pkg/chat"
)

// usageRow is a sum as SQL gives it. Costs are exact decimals: PostgreSQL sums
// them, SQLite has no exact sum and lists them.
type usageRow struct {
	Key              string
	Messages         int64
	PromptTokens     int64
	CompletionTokens int64
	TokensUsed       int64
	Costs            string
}

// Usage sums what the user's answers took, by group and in all.
func (s *Store) Usage(ctx context.Context, userID string, query chat.UsageQuery) ([]chat.UsageRow, chat.UsageSum, error) {
	var groups []usageRow
	key := s.usageKey(query.GroupBy)
	err := s.read.WithContext(ctx).Raw(`SELECT `+key+` AS key, `+s.usageSums()+usageAnswers+`
		GROUP BY 1 ORDER BY 1 LIMIT ?`, userID, stamp(query.From), stamp(query.To), chat.UsageLimit).Scan(&groups).Error
	if err != nil {
		return nil, chat.UsageSum{}, failure(ctx, err, "usage")
	}
	var total usageRow
	err = s.read.WithContext(ctx).Raw(`SELECT `+s.usageSums()+usageAnswers,
		userID, stamp(query.From), stamp(query.To)).Scan(&total).Error
	if err != nil {
		return nil, chat.UsageSum{}, failure(ctx, err, "usage")
	}
	rows := make([]chat.UsageRow, len(groups))
	for i, group := range groups {
		rows[i] = chat.UsageRow{Key: group.Key, UsageSum: group.sum()}
	}
	return rows, total.sum(), nil
}

const usageAnswers = `
	FROM messages JOIN conversations ON conversations.id = messages.conversation_id
	WHERE conversations.user_id = ? AND messages.role = 'assistant'
	AND messages.created_at >= ? AND messages.created_at < ?
	AND (messages.metadata ->> '` + chat.CopiedFrom + `') IS NULL`

func (s *Store) usageKey(group chat.UsageGroup) string {
	switch {
	case group == chat.UsageByModel:
		return "messages.model_id"
	case group == chat.UsageByConversation:
		return "messages.conversation_id"
	case s.dialect == migrations.Postgres:
		return "to_char(messages.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')"
	default:
		return "substr(messages.created_at, 1, 10)"
	}
}

func (s *Store) usageSums() string {
	costs := "COALESCE(group_concat(messages.cost, ' '), '') AS costs"
	if s.dialect == migrations.Postgres {
		costs = "COALESCE(SUM(messages.cost)::text, '') AS costs"
	}
	return `COUNT(*) AS messages,
		COALESCE(SUM(messages.prompt_tokens), 0) AS prompt_tokens,
		COALESCE(SUM(messages.completion_tokens), 0) AS completion_tokens,
		COALESCE(SUM(messages.tokens_used), 0) AS tokens_used, ` + costs
}

func (r usageRow) sum() chat.UsageSum {
	return chat.UsageSum{
		Messages:         r.Messages,
		PromptTokens:     r.PromptTokens,
		CompletionTokens: r.CompletionTokens,
		TokensUsed:       r.TokensUsed,
		Cost:             sumDecimals(strings.Fields(r.Costs)),
	}
}

// sumDecimals adds exactly and writes no more digits than needed.
func sumDecimals(decimals []string) string {
	sum := new(big.Rat)
	scale := 0
	for _, decimal := range decimals {
		value, ok := new(big.Rat).SetString(decimal)
		if !ok {
			continue // the columns hold decimals only
		}
		sum.Add(sum, value)
		if _, fraction, found := strings.Cut(decimal, "."); found {
			scale = max(scale, len(fraction))
		}
	}
	text := sum.FloatString(scale)
	if scale > 0 {
		text = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
	}
	return text
}
