package chat

import (
	"context"
	"time"
)

// UsageGroup is what usage is summed by.
type UsageGroup string

// The groups.
const (
	UsageByDay          UsageGroup = "day"
	UsageByModel        UsageGroup = "model"
	UsageByConversation UsageGroup = "conversation"
)

// UsageLimit bounds the groups of one answer.
const UsageLimit = 1000

// UsageQuery asks for what a user's answers took, From inclusive, To exclusive.
type UsageQuery struct {
	From    time.Time
	To      time.Time
	GroupBy UsageGroup
}

// UsageSum is what some answers took.
type UsageSum struct {
	Messages         int64 `json:"messages"`
	PromptTokens     int64 `json:"promptTokens"`
	CompletionTokens int64 `json:"completionTokens"`
	TokensUsed       int64 `json:"tokensUsed"`
	// Cost is the exact sum of the costs that are known, in USD.
	Cost string `json:"cost"`
}

// UsageRow is the sum of one group: a day ("2026-01-31", UTC), a model or a
// conversation.
type UsageRow struct {
	Key string `json:"key"`
	UsageSum
}

// UsageStore sums what answers took. Superseded answers count: they were made.
// Copies in a fork do not: their originals count.
type UsageStore interface {
	// Usage returns the groups, ordered by key, at most UsageLimit, and the sum
	// of all.
	Usage(ctx context.Context, userID string, query UsageQuery) ([]UsageRow, UsageSum, error)
}
