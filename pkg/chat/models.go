package chat

import (
	"context"
	"errors"
	"slices"
	"strings"

	"dreamchat/pkg/problem"
)

// ModelCache keeps the catalogue for a while. Many callers who miss at once
// make one load; those who can be shown an old list need not wait for it.
type ModelCache interface {
	Get(ctx context.Context, load func(context.Context) ([]Model, error)) ([]Model, error)
	// Advance makes what is kept stale, here at once and on other instances as
	// soon as they look. Call it after each commit; it works on after ctx is done.
	Advance(ctx context.Context)
}

// Models is the catalogue as callers see it. Its methods are safe for
// concurrent use.
type Models struct {
	Store     ModelStore
	Cache     ModelCache
	Providers Providers
	// Default is the model of a conversation that names none.
	Default string
	// Fallbacks are asked, in order, when a model fails before its first token and
	// the request names no others.
	Fallbacks []string
}

// List returns the whole catalogue, ordered by id. A model whose provider is
// not configured is not active.
func (m *Models) List(ctx context.Context) ([]Model, error) {
	stored, err := m.Cache.Get(ctx, m.Store.Models)
	if err != nil {
		return nil, err
	}
	models := slices.Clone(stored)
	for i := range models {
		_, configured := m.Providers[models[i].Provider]
		models[i].IsActive = models[i].IsActive && configured
	}
	return models, nil
}

// Find returns one model, or problem.NotFound.
func (m *Models) Find(ctx context.Context, id string) (Model, error) {
	models, err := m.List(ctx)
	if err != nil {
		return Model{}, err
	}
	at, found := slices.BinarySearchFunc(models, id, func(model Model, id string) int {
		return strings.Compare(model.ID, id)
	})
	if !found {
		return Model{}, problem.NotFound.New("There is no model with this id.")
	}
	return models[at], nil
}

// Resolve returns the model that is to answer, and its provider: the first of
// the ids that is not empty, else the default. It is problem.UnknownModel or
// problem.InactiveModel if that cannot answer.
func (m *Models) Resolve(ctx context.Context, ids ...string) (Model, Provider, error) {
	id := m.Default
	if at := slices.IndexFunc(ids, func(id string) bool { return id != "" }); at >= 0 {
		id = ids[at]
	}
	model, err := m.Configured(ctx, id)
	if err != nil {
		return Model{}, nil, err
	}
	if !model.IsActive {
		return Model{}, nil, inactive(id)
	}
	return model, m.Providers[model.Provider], nil
}

// Configured returns a model that could answer, though it may be switched off
// now. It is problem.UnknownModel or, if its provider is not configured,
// problem.InactiveModel.
func (m *Models) Configured(ctx context.Context, id string) (Model, error) {
	model, err := m.Find(ctx, id)
	if errors.Is(err, problem.NotFound) {
		return Model{}, problem.UnknownModel.New("There is no model "+quote(id)+".").With("model", id)
	}
	if err != nil {
		return Model{}, err
	}
	if _, configured := m.Providers[model.Provider]; !configured {
		return Model{}, inactive(id)
	}
	return model, nil
}

func inactive(id string) error {
	return problem.InactiveModel.New("The model "+quote(id)+" is not available now.").With("model", id)
}

// fallbacks returns the models to ask when the one with this id fails: those that
// the request names, even if that is none, else those of the settings that can be
// asked now. A nil asked names nothing; its errors are those of Resolve.
func (m *Models) fallbacks(ctx context.Context, id string, asked []string) ([]candidate, error) {
	ids := asked
	if asked == nil {
		ids = m.Fallbacks
	}
	var found []candidate
	taken := []string{id}
	for _, id := range ids {
		if slices.Contains(taken, id) {
			continue
		}
		taken = append(taken, id)
		model, provider, err := m.Resolve(ctx, id)
		away := errors.Is(err, problem.UnknownModel) || errors.Is(err, problem.InactiveModel)
		switch {
		case err == nil:
			found = append(found, candidate{model: model, provider: provider})
		case asked != nil || !away:
			return nil, err
		}
	}
	return found, nil
}

// quote bounds a name that a caller made up before it is told back.
func quote(name string) string {
	head, tail := cut(name, 100)
	if tail != "" {
		head += "…"
	}
	return "“" + head + "”"
}
