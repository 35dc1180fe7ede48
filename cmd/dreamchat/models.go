package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"dreamchat/pkg/api"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/metrics"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/store"
)

type modelsCmd struct {
	Sync modelsSyncCmd `cmd:"" help:"Bring the providers' lists of models into the catalogue. Nothing is ever deleted."`
}

type modelsSyncCmd struct {
	Provider string `help:"Only this provider, such as openrouter." placeholder:"NAME"`
}

// Run prints what changed: + added, ~ updated, - deactivated.
func (m modelsSyncCmd) Run(ctx context.Context) error {
	return withStore(ctx, func(set settings, db *store.Store) (err error) {
		log := slog.New(api.LogHandler{Handler: set.handler()})
		counted := metrics.New()
		caches, err := openCaches(set, log, counted)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, caches.store.Close()) }()
		models := &chat.Models{Cache: caches.models, Providers: set.providers(counted)}
		var names []string
		if m.Provider != "" {
			names = append(names, m.Provider)
		}
		changes, err := set.catalogue(db, models, log).Sync(ctx, names...)
		for name, change := range changes {
			printChange(name, change)
		}
		if err != nil {
			return errors.New(problem.From(err).Detail)
		}
		return nil
	})
}

func printChange(provider string, change chat.CatalogueChange) {
	_, _ = fmt.Fprintf(os.Stdout, "%s: %d added, %d updated, %d deactivated\n",
		provider, len(change.Added), len(change.Updated), len(change.Deactivated))
	for _, part := range []struct {
		sign string
		ids  []string
	}{{"+", change.Added}, {"~", change.Updated}, {"-", change.Deactivated}} {
		for _, id := range part.ids {
			_, _ = fmt.Fprintln(os.Stdout, part.sign, id)
		}
	}
}

// catalogue changes what models show.
func (s *settings) catalogue(db *store.Store, models *chat.Models, log *slog.Logger) *chat.Catalogue {
	listers := make(map[string]chat.ModelLister)
	for name, provider := range models.Providers {
		if lister, ok := provider.(chat.ModelLister); ok && name != providerDemo {
			listers[name] = lister
		}
	}
	return &chat.Catalogue{
		Store: db, Cache: models.Cache, Listers: listers, NewActive: s.NewModelsActive, Log: log,
		Leases: db, Owner: s.instance(), Every: s.ModelsSyncEvery,
	}
}

// checkModels refuses settings that name models nobody could ever answer with. A
// model that is merely switched off may come back: its provider's list, or an
// administrator, must not keep the server from starting.
func (s *settings) checkModels(ctx context.Context, models *chat.Models, log *slog.Logger) error {
	named := map[string][]string{"DEFAULT_MODEL": {s.DefaultModel}, "FALLBACK_MODELS": s.Fallbacks}
	for setting, ids := range named {
		for _, id := range ids {
			model, err := models.Configured(ctx, id)
			if err != nil {
				return fmt.Errorf("%s cannot be used: %s", setting, problem.From(err).Detail)
			}
			if !model.IsActive {
				log.WarnContext(ctx, "a model of the settings is switched off", "setting", setting, "model", id)
			}
		}
	}
	return nil
}
