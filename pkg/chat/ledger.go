package chat

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"dreamchat/pkg/problem"
)

// Settler tells afterwards what a request cost. Implementations are safe for
// concurrent use.
type Settler interface {
	// Settled returns what the provider has counted for a generation; its Cost is
	// set. What it does not know, or does not know yet, is problem.NotFound; other
	// errors are of the Upstream kinds, or the cause of ctx.
	Settled(ctx context.Context, generationID string) (Usage, error)
}

// Ledger works out what requests to providers cost. Its methods are safe for
// concurrent use.
type Ledger struct {
	Store ChargeStore
	// Settlers are the providers that can be asked afterwards, by the name that
	// [Model].Provider holds.
	Settlers map[string]Settler
	// Budgets is what accounts may spend.
	Budgets *Budgets
	// Delay is how long after the end of a request its provider is first asked.
	Delay time.Duration
	Log   *slog.Logger
}

// save stores the charge for what is not stored itself. It tries for a few
// seconds, even after ctx is done; then the charge is lost, which the log tells.
func (l *Ledger) save(ctx context.Context, charge Charge) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
	defer cancel()
	for backoff := firstBackoff; ; backoff *= 2 {
		err := l.Store.SaveCharge(ctx, charge)
		switch {
		case err == nil, errors.Is(err, problem.NotFound): // or the account is gone
			return
		case !errors.Is(err, problem.Unavailable) || ctx.Err() != nil:
			l.Log.ErrorContext(ctx, "request not charged", "charge", charge.ID, "kind", charge.Kind, "error", err)
			return
		}
		select {
		case <-time.After(backoff):
		case <-ctx.Done():
		}
	}
}

// Spent is what is known of a request once it is over.
type Spent struct {
	// GenerationID is the provider's name for it; empty if it was not told.
	GenerationID string
	// Usage is what the provider counted, or, if Estimated, what we think; see
	// EstimateUsage.
	Usage     Usage
	Estimated bool
}

// EstimateUsage is the usage of a request whose provider told none, from the bytes
// of the texts that were sent and received.
func EstimateUsage(prompt, text, reasoning int) Usage {
	usage := Usage{
		PromptTokens:     EstimateTokens(prompt),
		CompletionTokens: EstimateTokens(text) + EstimateTokens(reasoning),
		ReasoningTokens:  EstimateTokens(reasoning),
	}
	usage.TotalTokens = usage.PromptTokens + usage.CompletionTokens
	return usage
}

// Charge is the closed charge for a request to a model that is over: with the
// provider's cost, else with one from the model's prices, as they are now, and
// then marked as estimated and to be settled, if the provider can be asked. It is
// for the caller to say whose it is and what for: ID, UserID, Kind,
// ConversationID, MessageID, CreatedAt and UpdatedAt are left open.
func (l *Ledger) Charge(model Model, spent Spent) Charge {
	usage := spent.Usage
	charge := Charge{
		Provider:         model.Provider,
		ModelID:          model.ID,
		GenerationID:     spent.GenerationID,
		PromptTokens:     usage.PromptTokens,
		CompletionTokens: usage.CompletionTokens,
		ReasoningTokens:  usage.ReasoningTokens,
		TokensUsed:       usage.TotalTokens,
		Cost:             usage.Cost,
		Estimated:        spent.Estimated,
		State:            ChargeClosed,
	}
	if usage.Cost != nil {
		return charge
	}
	charge.Cost = model.cost(usage.PromptTokens, usage.CompletionTokens)
	charge.Estimated = true
	if _, asked := l.Settlers[model.Provider]; asked && spent.GenerationID != "" {
		charge.SettleIn = max(l.Delay, time.Millisecond)
	}
	return charge
}

// chargeAnswer completes an answer that has ended with what it cost, and returns
// the charge for it. Of its tokens it knows what the provider told, or else, then
// with Estimated set, those of the prompt.
//
// The tries that failed before (metadata.tried) are not charged: a provider does
// not bill what never began.
func (l *Ledger) chargeAnswer(answer *Message, model Model) Charge {
	spent := Spent{
		GenerationID: answer.GenerationID,
		Usage: Usage{
			PromptTokens:     answer.PromptTokens,
			CompletionTokens: answer.CompletionTokens,
			ReasoningTokens:  answer.ReasoningTokens,
			TotalTokens:      answer.TokensUsed,
			Cost:             answer.Cost,
		},
	}
	if answer.Estimated || answer.TokensUsed == 0 && answer.Cost == nil {
		spent.Estimated = true
		spent.Usage = EstimateUsage(0, len(answer.Content), len(answer.Reasoning))
		if neverBegan := answer.Status == StatusFailed && spent.Usage.CompletionTokens == 0; !neverBegan {
			spent.Usage.PromptTokens = answer.PromptTokens
			spent.Usage.TotalTokens += answer.PromptTokens
		}
	}
	charge := l.Charge(model, spent)
	answer.take(&charge)
	return answer.charge(charge)
}

// take gives an answer the tokens and the cost of its charge.
func (m *Message) take(charge *Charge) {
	m.PromptTokens = charge.PromptTokens
	m.CompletionTokens = charge.CompletionTokens
	m.ReasoningTokens = charge.ReasoningTokens
	m.TokensUsed = charge.TokensUsed
	m.Cost = charge.Cost
	m.Estimated = charge.Estimated
}

// charge says that a charge is for this answer.
func (m *Message) charge(charge Charge) Charge {
	charge.ID, charge.Kind = m.ID, ChargeAnswer
	charge.ConversationID, charge.MessageID = m.ConversationID, m.ID
	charge.ModelID = m.ModelID
	charge.CreatedAt, charge.UpdatedAt = m.CreatedAt, m.UpdatedAt
	return charge
}
