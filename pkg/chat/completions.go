package chat

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"time"

	"dreamchat/pkg/id"
)

// Completions are answers that nobody keeps: they are passed on and forgotten.
// Its methods are safe for concurrent use once its fields are set.
type Completions struct {
	Models *Models
	Ledger *Ledger
	Log    *slog.Logger
	// Slots bounds what users ask for; nil for no limits.
	Slots *Slots
	// Retries is how models are asked again that fail before their first token.
	Retries Retries
	// OnFinish is told of each answer that ended, however it did; nil tells nobody.
	OnFinish func(Outcome)
}

// Wanted is a request for an answer that nobody keeps.
type Wanted struct {
	UserID  string
	ModelID string
	// Fallbacks are asked, in order, if the model fails before its first token; nil
	// leaves them to the settings.
	Fallbacks []string
	Raw       Raw
}

// Stream asks a model, or those in its place, and yields the answer piece by
// piece, as Provider does; once a Raw was yielded no other model is asked. An
// unknown model is problem.UnknownModel, one that cannot answer
// problem.InactiveModel, more than the Limits allow problem.TooMany, and what the
// account's budget does not allow problem.BudgetExceeded. What it took is charged before the sequence ends, which
// must be asked for, else what was reserved for it stays so, and its slot taken. Cancelling ctx ends the
// answer.
func (c *Completions) Stream(ctx context.Context, wanted Wanted) (iter.Seq2[Delta, error], error) {
	model, provider, err := c.Models.Resolve(ctx, wanted.ModelID)
	if err != nil {
		return nil, err
	}
	fallbacks, err := c.Models.fallbacks(ctx, model.ID, wanted.Fallbacks)
	if err != nil {
		return nil, err
	}
	first := candidate{model: model, provider: provider}
	estimate, err := wanted.Raw.dearest(append([]candidate{first}, fallbacks...))
	if err != nil {
		return nil, err
	}
	charge := Charge{
		ID: id.New(), UserID: wanted.UserID, Kind: ChargeCompletion,
		Provider: model.Provider, ModelID: model.ID, CreatedAt: now(),
	}
	place, err := c.Slots.enter(ctx, Slot{UserID: wanted.UserID, Name: charge.ID})
	if err != nil {
		return nil, err
	}
	if err := c.Ledger.open(ctx, charge, estimate); err != nil {
		place.undo(ctx, false)
		return nil, err
	}
	return func(yield func(Delta, error) bool) {
		defer place.leave(ctx)
		p := &passing{candidate: first, by: c, wanted: wanted, charge: charge, yield: yield, started: time.Now()}
		err := c.Retries.try(ctx, p, fallbacks)
		if ctx.Err() != nil || errors.Is(err, errCallerLeft) {
			err = context.Canceled
		}
		p.finish(ctx, err)
		if err != nil && !p.left {
			yield(Delta{}, err)
		}
	}, nil
}

// errCallerLeft ends an answer that nobody takes any more.
var errCallerLeft = errors.New("chat: the caller has left")

// passing is one answer on its way to its caller.
type passing struct {
	candidate

	by             *Completions
	wanted         Wanted
	yield          func(Delta, error) bool
	started, first time.Time
	charge         Charge   // as it was opened
	receipt        *Receipt // of the last try
	left           bool
}

func (p *passing) request(context.Context) (Request, error) {
	return Request{ModelID: p.model.ID, Raw: &p.wanted.Raw}, nil
}

func (p *passing) follow(ctx context.Context, request Request) error {
	p.receipt = NewReceipt(&request)
	for delta, err := range p.provider.Complete(ctx, request) {
		if err != nil {
			return err
		}
		p.receipt.Note(delta)
		if delta.Raw != nil && p.first.IsZero() {
			p.first = time.Now()
		}
		if !p.yield(delta, nil) {
			p.left = true
			return errCallerLeft
		}
	}
	return nil
}

func (p *passing) wordless(err error) bool { return isUpstream(err) && p.first.IsZero() }

func (p *passing) noteTry(ctx context.Context, err error) {
	p.by.Log.WarnContext(ctx, "model did not answer", "model", p.model.ID, "error", err)
}

func (p *passing) turnTo(next candidate) { p.candidate = next }

func (p *passing) rest(ctx context.Context, pause time.Duration) error {
	return rest(ctx, pause, nil)
}

// finish charges the answer, and tells how it went.
func (p *passing) finish(ctx context.Context, err error) {
	p.by.Ledger.close(ctx, p.charge, p.model, p.receipt)
	if p.by.OnFinish == nil {
		return
	}
	spent, began := p.receipt.Spent()
	if !began {
		spent = Spent{}
	}
	outcome := Outcome{
		Provider: p.model.Provider, Status: StatusComplete, Duration: time.Since(p.started),
		PromptTokens: spent.Usage.PromptTokens, CompletionTokens: spent.Usage.CompletionTokens,
	}
	switch {
	case err == nil:
	case errors.Is(err, context.Canceled):
		outcome.Status = StatusStopped
	default:
		outcome.Status = StatusFailed
	}
	if !p.first.IsZero() {
		outcome.FirstToken = p.first.Sub(p.started)
	}
	p.by.OnFinish(outcome)
}
