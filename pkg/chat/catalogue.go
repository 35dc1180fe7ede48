package chat

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"time"

	"dreamchat/pkg/problem"
)

// Catalogue changes what [Models] shows. Its methods are safe for concurrent
// use.
type Catalogue struct {
	Store ModelStore
	// Cache is told of every change.
	Cache ModelCache
	// Listers are the providers whose models can be brought in, by the name that
	// [Model].Provider holds.
	Listers map[string]ModelLister
	// NewActive tells whether a new model can be used at once.
	NewActive bool
	Log       *slog.Logger
	// Leases keep instances from doing the same work at once, Owner is this one's
	// name. Every is the time between two syncs of a provider, 0 for none.
	Leases LeaseStore
	Owner  string
	Every  time.Duration
}

// syncTime bounds what the database may take to store a list.
const syncTime = 30 * time.Second

// Providers are the names of those whose models can be brought in, sorted.
func (c *Catalogue) Providers() []string {
	return slices.Sorted(maps.Keys(c.Listers))
}

// Sync brings in what the providers with these names list, of all without a
// name. What one provider lists is brought in as a whole or not at all; if
// several fail, all errors are joined, and the changes of the others stand. A
// name that is none of Providers is problem.Invalid. No provider at all is
// problem.Conflict.
func (c *Catalogue) Sync(ctx context.Context, names ...string) (map[string]CatalogueChange, error) {
	if len(c.Listers) == 0 {
		return nil, problem.Conflict.New("No provider is configured that lists its models.")
	}
	if len(names) == 0 {
		names = c.Providers()
	}
	changes := make(map[string]CatalogueChange, len(names))
	var failures []error
	for _, name := range names {
		change, err := c.sync(ctx, name)
		if err != nil {
			failures = append(failures, err)
			continue
		}
		changes[name] = change
	}
	return changes, errors.Join(failures...)
}

func (c *Catalogue) sync(ctx context.Context, provider string) (change CatalogueChange, err error) {
	lister, known := c.Listers[provider]
	if !known {
		unknown := problem.Invalid.New("There is no provider " + quote(provider) + " whose models can be listed.")
		unknown.Fields = []problem.Field{{Pointer: "/provider", Detail: "is not a provider that lists its models"}}
		return change, unknown
	}
	listings, err := lister.ListModels(ctx)
	if err != nil {
		return change, err
	}
	ctx, cancel := context.WithTimeout(ctx, syncTime)
	defer cancel()
	err = c.Store.ChangeModels(ctx, func(stored []Model) (saved []Model, _ error) {
		saved, change = mergeList(stored, provider, listings, c.NewActive, time.Now())
		return saved, nil
	})
	if err != nil {
		return CatalogueChange{}, err
	}
	c.Cache.Advance(ctx)
	c.Log.InfoContext(ctx, "models brought in", "provider", provider, "added", len(change.Added),
		"updated", len(change.Updated), "deactivated", len(change.Deactivated))
	return change, nil
}
