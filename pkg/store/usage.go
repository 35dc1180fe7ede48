package store

import (
	"context"
	"strings"

	"dreamchat/migrations"
	"dreamchat/pkg/chat"
)

// usageRow is a sum as SQL gives it. Costs are exact decimals: PostgreSQL sums
// them, SQLite has no exact sum and lists them.
type usageRow struct {
	Part             string
	Key              string
	Messages         int64
	PromptTokens     int64
	CompletionTokens int64
	ReasoningTokens  int64
	TokensUsed       int64
	Costs            *string
	EstimatedCosts   *string
}

// Usage sums what the user's requests took. It is one statement, so that all sums
// are of one moment, and reads each charge once.
func (s *Store) Usage(ctx context.Context, userID string, query chat.UsageQuery) (chat.UsageReport, error) {
	costs, estimated := s.exactly("costs", "costs"), s.exactly("estimated_costs", "estimated_costs")
	again := `COALESCE(SUM(messages), 0), COALESCE(SUM(prompt_tokens), 0), COALESCE(SUM(completion_tokens), 0),
		COALESCE(SUM(reasoning_tokens), 0), COALESCE(SUM(tokens_used), 0), ` + costs + ", " + estimated
	var rows []usageRow
	err := s.read.WithContext(ctx).Raw(`WITH sums AS (
			SELECT `+s.usageKey(query.GroupBy)+` AS key, kind = 'title' AS for_title, COUNT(*) AS messages,
				SUM(prompt_tokens) AS prompt_tokens, SUM(completion_tokens) AS completion_tokens,
				SUM(reasoning_tokens) AS reasoning_tokens, SUM(tokens_used) AS tokens_used,
				`+s.exactly("cost", "costs")+`, `+s.exactly("CASE WHEN estimated THEN cost END", "estimated_costs")+`
			FROM charges
			WHERE user_id = ? AND created_at >= ? AND created_at < ? AND state = 'closed'
			GROUP BY 1, 2)
		SELECT * FROM (SELECT 'group' AS part, key, messages, prompt_tokens, completion_tokens, reasoning_tokens,
			tokens_used, costs, estimated_costs FROM sums WHERE NOT for_title ORDER BY key LIMIT ?) AS groups
		UNION ALL SELECT 'total', '', `+again+` FROM sums WHERE NOT for_title
		UNION ALL SELECT 'titles', '', `+again+` FROM sums WHERE for_title
		ORDER BY part, key`,
		userID, stamp(query.From), stamp(query.To), chat.UsageLimit).Scan(&rows).Error
	if err != nil {
		return chat.UsageReport{}, failure(ctx, err, "usage")
	}
	return usageReport(rows)
}

func (s *Store) usageKey(group chat.UsageGroup) string {
	switch {
	case group == chat.UsageByModel:
		return "model_id"
	case group == chat.UsageByConversation:
		return "conversation_id"
	case s.dialect == migrations.Postgres:
		return "to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD')"
	default:
		return "substr(created_at, 1, 10)"
	}
}

// exactly sums decimals, or lists them for us to sum.
func (s *Store) exactly(decimals, name string) string {
	sum := "group_concat(" + decimals + ", ' ')"
	if s.dialect == migrations.Postgres {
		sum = "SUM(" + decimals + ")"
	}
	return sum + " AS " + name
}

func usageReport(rows []usageRow) (chat.UsageReport, error) {
	report := chat.UsageReport{Groups: make([]chat.UsageRow, 0, len(rows))}
	for _, row := range rows {
		sum, err := row.sum()
		if err != nil {
			return report, err
		}
		switch row.Part {
		case "group":
			report.Groups = append(report.Groups, chat.UsageRow{Key: row.Key, UsageSum: sum})
		case "total":
			report.Total = sum
		default:
			report.Titles = sum
		}
	}
	return report, nil
}

func (r usageRow) sum() (chat.UsageSum, error) {
	cost, err := sumOf(r.Costs)
	if err != nil {
		return chat.UsageSum{}, err
	}
	estimated, err := sumOf(r.EstimatedCosts)
	return chat.UsageSum{
		Messages:         r.Messages,
		PromptTokens:     r.PromptTokens,
		CompletionTokens: r.CompletionTokens,
		ReasoningTokens:  r.ReasoningTokens,
		TokensUsed:       r.TokensUsed,
		Cost:             cost,
		EstimatedCost:    estimated,
	}, err
}

// sumOf sums what may be one decimal, many or none.
func sumOf(decimals *string) (string, error) {
	if decimals == nil {
		return chat.SumMoney()
	}
	return chat.SumMoney(strings.Fields(*decimals)...)
}
