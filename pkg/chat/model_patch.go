package chat

import (
	"context"
	"slices"
	"strings"
	"time"

	"dreamchat/pkg/problem"
)

// ModelPatch is what an administrator changes of a model; nil leaves it as it
// is. The next sync brings in again what the provider tells, save IsActive.
type ModelPatch struct {
	Name     *string
	IsActive *bool
	// PricingInput and PricingOutput are exact decimals in USD per token that are
	// not negative.
	PricingInput, PricingOutput *string
	// ContextLength is the window in tokens.
	ContextLength *int
}

// Update changes a model, which everybody sees at once. An unknown id is
// problem.NotFound.
func (c *Catalogue) Update(ctx context.Context, id string, patch ModelPatch) error {
	err := c.Store.ChangeModels(ctx, func(stored []Model) ([]Model, error) {
		at, found := slices.BinarySearchFunc(stored, id, func(model Model, id string) int {
			return strings.Compare(model.ID, id)
		})
		if !found {
			return nil, problem.NotFound.New("There is no model with this id.")
		}
		return []Model{patch.over(stored[at], time.Now())}, nil
	})
	if err != nil {
		return err
	}
	c.Cache.Advance(ctx)
	return nil
}

func (p ModelPatch) over(model Model, now time.Time) Model {
	listing := Listing{PricingInput: p.PricingInput, PricingOutput: p.PricingOutput}
	if p.Name != nil {
		listing.Name = *p.Name
	}
	if p.ContextLength != nil {
		listing.ContextLength = *p.ContextLength
	}
	model = listing.over(model)
	if p.IsActive != nil {
		model.IsActive, model.Delisted = *p.IsActive, false
	}
	model.UpdatedAt = now
	return model
}
