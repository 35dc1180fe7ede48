package chat

import (
	"context"
	"slices"
	"strings"
	"time"
)

// ModelLister is a [Provider] that can tell which models it serves.
// Implementations are safe for concurrent use.
type ModelLister interface {
	// ListModels returns all models that the provider serves, each id once. An
	// error is a *problem.Error of an Upstream kind, or the cause of ctx.
	ListModels(ctx context.Context) ([]Listing, error)
}

// Listing is a model as its provider tells of it. What is empty or nil is not
// told.
type Listing struct {
	ID          string
	Name        string
	Description string
	// PricingInput and PricingOutput are exact decimals in USD per token that are
	// not negative, or empty if the provider says that there is no fixed price.
	PricingInput, PricingOutput *string
	// ContextLength is the window in tokens.
	ContextLength int
}

// CatalogueChange names the models that a provider's list changed, ordered by id.
type CatalogueChange struct {
	Added, Updated, Deactivated []string
}

// mergeList brings the list of a provider into the whole catalogue, stored, and
// returns the models to save and what they change. New models are active or
// not, as newActive says. A model that was deactivated since it was not listed
// becomes active when it is listed again; one that a person deactivated does
// not. What a listing does not tell stays as it is, and so do the models of
// other providers, also if this one lists their id.
func mergeList(stored []Model, provider string, listings []Listing, newActive bool, now time.Time) ([]Model, CatalogueChange) {
	m := listMerge{provider: provider, now: now, listed: make(map[string]bool, len(listings))}
	known := make(map[string]Model, len(stored))
	for _, model := range stored {
		known[model.ID] = model
	}
	for _, listing := range listings {
		m.listed[listing.ID] = true
		if model, ok := known[listing.ID]; ok {
			m.update(model, listing)
		} else {
			m.add(listing, newActive)
		}
	}
	for _, model := range stored {
		m.deactivate(model)
	}
	for _, ids := range [][]string{m.change.Added, m.change.Updated, m.change.Deactivated} {
		slices.Sort(ids)
	}
	return m.saved, m.change
}

type listMerge struct {
	provider string
	now      time.Time
	listed   map[string]bool
	saved    []Model
	change   CatalogueChange
}

func (m *listMerge) add(listing Listing, active bool) {
	model := Model{ID: listing.ID, Name: listing.ID, Provider: m.provider, IsActive: active, CreatedAt: m.now}
	m.save(listing.over(model), &m.change.Added)
}

func (m *listMerge) update(model Model, listing Listing) {
	if model.Provider != m.provider {
		return
	}
	now := listing.over(model)
	now.IsActive, now.Delisted = model.IsActive || model.Delisted, false
	if now != model {
		m.save(now, &m.change.Updated)
	}
}

func (m *listMerge) deactivate(model Model) {
	if model.Provider != m.provider || m.listed[model.ID] || !model.IsActive {
		return
	}
	model.IsActive, model.Delisted = false, true
	m.save(model, &m.change.Deactivated)
}

func (m *listMerge) save(model Model, ids *[]string) {
	model.UpdatedAt = m.now
	m.saved = append(m.saved, model)
	*ids = append(*ids, model.ID)
}

// over is the model with what the listing tells.
func (l Listing) over(model Model) Model {
	if name := strings.TrimSpace(l.Name); name != "" {
		model.Name = name
	}
	if l.Description != "" {
		model.Description = l.Description
	}
	if l.PricingInput != nil {
		model.PricingInput = *l.PricingInput
	}
	if l.PricingOutput != nil {
		model.PricingOutput = *l.PricingOutput
	}
	if l.ContextLength > 0 {
		model.ContextLength = l.ContextLength
	}
	return model
}
