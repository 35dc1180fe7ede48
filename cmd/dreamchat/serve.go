package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"

	"golang.org/x/sync/errgroup"

	"dreamchat/pkg/api"
	"dreamchat/pkg/auth"
	"dreamchat/pkg/metrics"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/store"
)

type serveCmd struct{}

// Run serves until ctx is done.
func (serveCmd) Run(ctx context.Context) (err error) {
	set, err := load()
	if err != nil {
		return err
	}
	log := slog.New(api.LogHandler{Handler: set.handler()})
	db, err := openStore(ctx, set)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := db.MigrateUp(ctx); err != nil {
		return fmt.Errorf("the database cannot be migrated: %w", err)
	}
	set.checkFolder(ctx, log)
	root, err := set.root()
	if err != nil {
		return err
	}
	keys := auth.NewSigningKeys(root, db, log)
	if err := keys.Load(ctx); err != nil {
		return fmt.Errorf("the signing keys cannot be read: %w", err)
	}
	caches, err := openCaches(set, log, metrics.New())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, caches.Close()) }()

	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", set.address())
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w", set.address(), err)
	}
	if tcp, ok := listener.Addr().(*net.TCPAddr); ok {
		set.Port = tcp.Port // the real one, if any was free to be taken
	}
	service := wire(set, log, db, keys, caches)
	if err := set.checkModels(ctx, service.server.Models, log); err != nil {
		return err
	}
	welcome(os.Stdout, set)
	return service.run(ctx, listener, keys, caches)
}

// run keeps everything going until ctx is done.
func (s service) run(ctx context.Context, listener net.Listener, keys *auth.SigningKeys, caches *caches) error {
	group, running := errgroup.WithContext(ctx)
	group.Go(func() error { return s.server.Run(running, listener) })
	// The last answers are told through the relay.
	relaying, last := context.WithCancel(context.WithoutCancel(ctx))
	group.Go(func() error {
		defer last()
		return s.generations.Run(running)
	})
	group.Go(func() error { return caches.relay(relaying) })
	group.Go(func() error { return s.changes.Run(running) })
	group.Go(func() error { return keys.Run(relaying) })
	group.Go(func() error { return s.server.Deletions.Run(running) })
	group.Go(func() error { return s.settlements.Run(running) })
	group.Go(func() error { return s.server.Accounts.Run(running) })
	group.Go(func() error { return s.slots.Run(relaying) })
	group.Go(func() error { return s.server.APIKeys.Run(relaying) })
	group.Go(func() error { return s.server.Standing.Run(relaying) })
	for _, keys := range s.keys {
		group.Go(func() error { return keys.Run(running) })
	}
	group.Go(func() error { return caches.lists.Run(relaying) })
	group.Go(func() error { return caches.models.Run(relaying) })
	group.Go(func() error { return s.server.Catalogue.Run(running) })
	return group.Wait()
}

// openStore opens the database. The error is for the person at the terminal.
func openStore(ctx context.Context, set settings) (*store.Store, error) {
	db, err := store.Open(ctx, set.DatabaseURL, store.Options{Log: slog.New(set.handler())})
	if found, ok := errors.AsType[*problem.Error](err); ok && found.Cause != nil {
		return nil, fmt.Errorf("%s\n%w", found.Detail, found.Cause)
	}
	return db, err
}
