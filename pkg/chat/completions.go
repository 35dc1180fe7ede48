package chat

import (
	"context"
	"iter"
)

// Completions are answers that nobody keeps: asked for and forgotten.
type Completions struct {
	Models *Models
}

// Stream asks a model and yields its answer piece by piece, as Provider does.
// An unknown model is problem.UnknownModel, one that cannot answer
// problem.InactiveModel. Cancelling ctx ends the answer.
func (c *Completions) Stream(ctx context.Context, request Request) (iter.Seq2[Delta, error], error) {
	model, provider, err := c.Models.Resolve(ctx, request.ModelID)
	if err != nil {
		return nil, err
	}
	request.ModelID = model.ID
	return provider.Complete(ctx, request), nil
}
