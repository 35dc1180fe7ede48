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

// UsageSum is what some requests took.
type UsageSum struct {
	// Messages counts the requests.
	Messages         int64 `json:"messages"`
	PromptTokens     int64 `json:"promptTokens"`
	CompletionTokens int64 `json:"completionTokens"`
	ReasoningTokens  int64 `json:"reasoningTokens"`
	TokensUsed       int64 `json:"tokensUsed"`
	// Cost is the exact sum of the costs that are known, in USD.
	Cost string `json:"cost"`
	// EstimatedCost is the part of Cost that is our estimate, in USD.
	EstimatedCost string `json:"estimatedCost"`
}

// UsageRow is the sum of one group: a day ("2026-01-31", UTC), a model or a
// conversation.
type UsageRow struct {
	Key string `json:"key"`
	UsageSum
}

// UsageReport is what a user's requests took, at one moment.
type UsageReport struct {
	// Groups are ordered by key, at most UsageLimit.
	Groups []UsageRow
	// Total is the sum of all groups, also of those beyond the limit.
	Total UsageSum
	// Titles is what the titles of conversations took, which is in none of these.
	Titles UsageSum
}

// UsageStore sums what answers and stateless completions took. Answers count
// that are superseded or deleted by now: they were made. Copies in a fork do not:
// their originals count. What is still being made counts once it ends.
type UsageStore interface {
	Usage(ctx context.Context, userID string, query UsageQuery) (UsageReport, error)
}
