package chat

import "context"

// open reserves what a request may cost at most that nothing but its charge tells
// of, if its account has a budget. One that does not fit is problem.BudgetExceeded.
func (l *Ledger) open(ctx context.Context, charge Charge, estimate Estimate) error {
	budget, err := l.Budgets.Of(ctx, charge.UserID)
	if err != nil || !budget.limits() || estimate.Cost == nil {
		return err
	}
	charge.Reserved, charge.State, charge.UpdatedAt = &estimate.Cost.Max, ChargeOpen, charge.CreatedAt
	return l.Budgets.Store.Reserve(ctx, Reservation{Charge: charge, Budget: budget})
}

// close charges a request that was opened, and gives back what was reserved for it.
// A provider that never began bills nothing.
func (l *Ledger) close(ctx context.Context, opened Charge, model Model, receipt *Receipt) {
	spent, began := receipt.Spent()
	if !began {
		spent = Spent{}
	}
	charge := l.Charge(model, spent)
	charge.ID, charge.Kind = opened.ID, opened.Kind
	charge.UserID, charge.ConversationID = opened.UserID, opened.ConversationID
	charge.CreatedAt, charge.UpdatedAt = opened.CreatedAt, now()
	l.save(ctx, charge)
}

// reservation is the most that an answer may cost, whichever of the models makes
// it, if its owner has a budget; else it is nil. A model whose price is not known
// reserves nothing.
func (g *Generations) reservation(
	ctx context.Context, conversation *Conversation, d *draft, answer *Message, candidates []candidate,
) (*Reservation, error) {
	budget, err := g.Ledger.Budgets.Of(ctx, conversation.UserID)
	if err != nil || !budget.limits() {
		return nil, err
	}
	most := "0"
	for _, candidate := range candidates {
		estimate, err := g.draftEstimate(ctx, conversation, &candidate.model, d)
		if err != nil {
			return nil, err
		}
		if estimate.Cost == nil {
			continue
		}
		if most, err = maxMoney(most, estimate.Cost.Max); err != nil {
			return nil, err
		}
	}
	charge := answer.charge(Charge{Provider: candidates[0].model.Provider, Reserved: &most, State: ChargeOpen})
	charge.UserID = conversation.UserID
	return &Reservation{Charge: charge, Budget: budget}, nil
}

// draftEstimate is what a model may take for the answer to a draft.
func (g *Generations) draftEstimate(ctx context.Context, conversation *Conversation, model *Model, d *draft) (Estimate, error) {
	if d.raw != nil {
		return d.raw.estimate(model), nil
	}
	question := ""
	if d.question != nil {
		question = d.question.Content
	}
	return g.foresee(ctx, conversation, model, question, d.maxTokens)
}
