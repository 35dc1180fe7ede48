package store

import (
	"context"
	"database/sql"
	"strings"

	"gorm.io/gorm"

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
	ReasoningTokens  int64
	TokensUsed       int64
	Costs            string
	EstimatedCosts   string
}

// Usage sums what the user's requests took. Groups and totals are of one moment.
func (s *Store) Usage(ctx context.Context, userID string, query chat.UsageQuery) (chat.UsageReport, error) {
	var groups []usageRow
	var total, titles usageRow
	key := s.usageKey(query.GroupBy)
	sum := func(columns, kinds, rest string) string {
		return "SELECT " + columns + s.usageSums() + ` FROM charges
			WHERE user_id = ? AND created_at >= ? AND created_at < ? AND state = 'closed' AND kind IN ` + kinds + rest
	}
	from, to := stamp(query.From), stamp(query.To)
	err := s.read.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		err := tx.Raw(sum(key+" AS key, ", answers, " GROUP BY 1 ORDER BY 1 LIMIT ?"),
			userID, from, to, chat.UsageLimit).Scan(&groups).Error
		if err == nil {
			err = tx.Raw(sum("", answers, ""), userID, from, to).Scan(&total).Error
		}
		if err == nil {
			err = tx.Raw(sum("", "('title')", ""), userID, from, to).Scan(&titles).Error
		}
		return err
	}, &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		return chat.UsageReport{}, failure(ctx, err, "usage")
	}
	return usageReport(groups, total, titles)
}

// answers are the kinds of charges for answers that somebody asked for.
const answers = "('answer', 'completion')"

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

func (s *Store) usageSums() string {
	const cost, estimate = "cost", "CASE WHEN estimated THEN cost END"
	return `COUNT(*) AS messages,
		COALESCE(SUM(prompt_tokens), 0) AS prompt_tokens,
		COALESCE(SUM(completion_tokens), 0) AS completion_tokens,
		COALESCE(SUM(reasoning_tokens), 0) AS reasoning_tokens,
		COALESCE(SUM(tokens_used), 0) AS tokens_used,
		COALESCE(` + s.exactly(cost) + `, '') AS costs,
		COALESCE(` + s.exactly(estimate) + `, '') AS estimated_costs`
}

// exactly sums decimals, or lists them for us to sum.
func (s *Store) exactly(decimals string) string {
	if s.dialect == migrations.Postgres {
		return "SUM(" + decimals + ")::text"
	}
	return "group_concat(" + decimals + ", ' ')"
}

func usageReport(groups []usageRow, total, titles usageRow) (report chat.UsageReport, err error) {
	report.Groups = make([]chat.UsageRow, len(groups))
	for i, group := range groups {
		report.Groups[i].Key = group.Key
		if report.Groups[i].UsageSum, err = group.sum(); err != nil {
			return report, err
		}
	}
	if report.Total, err = total.sum(); err != nil {
		return report, err
	}
	report.Titles, err = titles.sum()
	return report, err
}

func (r usageRow) sum() (chat.UsageSum, error) {
	cost, err := chat.SumMoney(strings.Fields(r.Costs)...)
	if err != nil {
		return chat.UsageSum{}, err
	}
	estimated, err := chat.SumMoney(strings.Fields(r.EstimatedCosts)...)
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
