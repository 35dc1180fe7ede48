package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"dreamchat/pkg/api"
	"dreamchat/pkg/auth"
	"dreamchat/pkg/metrics"
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
	db, err := store.Open(ctx, set.DatabaseURL, store.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := db.MigrateUp(ctx); err != nil {
		return fmt.Errorf("the database cannot be migrated: %w", err)
	}
	key, err := set.key()
	if err != nil {
		return err
	}
	caches, err := openCaches(set, log, metrics.New())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, caches.store.Close()) }()
	service := wire(set, log, db, key, caches)

	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", set.address())
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w", set.address(), err)
	}
	welcome(os.Stdout, set, listener.Addr())

	group, running := errgroup.WithContext(ctx)
	group.Go(func() error { return service.server.Run(running, listener) })
	group.Go(func() error { return service.generations.Run(running) })
	group.Go(func() error { return caches.lists.Run(running) })
	return group.Wait()
}

// key is what signs tokens: from the settings, or kept in the data folder.
func (s *settings) key() (*auth.Key, error) {
	if s.SigningKey != "" {
		key, err := auth.ParseKey([]byte(s.SigningKey))
		if err != nil {
			return nil, fmt.Errorf("SIGNING_KEY cannot be used: %w", err)
		}
		return key, nil
	}
	return auth.LoadOrCreateKey(filepath.Join(s.DataDir, "signing-key.pem"))
}
