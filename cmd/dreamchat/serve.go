package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"

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
	key, err := set.key()
	if err != nil {
		return err
	}
	caches, err := openCaches(set, log, metrics.New())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, caches.store.Close()) }()

	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", set.address())
	if err != nil {
		return fmt.Errorf("cannot listen on %s: %w", set.address(), err)
	}
	if tcp, ok := listener.Addr().(*net.TCPAddr); ok {
		set.Port = tcp.Port // the real one, if any was free to be taken
	}
	service := wire(set, log, db, key, caches)
	if err := set.checkModels(ctx, service.server.Models, log); err != nil {
		return err
	}
	welcome(os.Stdout, set)

	group, running := errgroup.WithContext(ctx)
	group.Go(func() error { return service.server.Run(running, listener) })
	// The last answers are told through the relay.
	relaying, last := context.WithCancel(context.WithoutCancel(ctx))
	group.Go(func() error {
		defer last()
		return service.generations.Run(running)
	})
	group.Go(func() error { return caches.relay(relaying) })
	group.Go(func() error { return service.changes.Run(running) })
	group.Go(func() error { return service.settlements.Run(running) })
	group.Go(func() error { return service.server.Accounts.Run(running) })
	group.Go(func() error { return service.server.APIKeys.Run(relaying) })
	group.Go(func() error { return service.server.Standing.Run(relaying) })
	for _, keys := range service.keys {
		group.Go(func() error { return keys.Run(running) })
	}
	group.Go(func() error { return caches.lists.Run(relaying) })
	group.Go(func() error { return caches.models.Run(relaying) })
	group.Go(func() error { return service.server.Catalogue.Run(running) })
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

// key is what signs tokens: from the settings, or kept in the data folder.
func (s *settings) key() (*auth.Key, error) {
	if s.SigningKey != "" {
		return auth.ParseKey([]byte(s.SigningKey))
	}
	return auth.LoadOrCreateKey(filepath.Join(s.DataDir, "signing-key.pem"))
}

// checkFolder tells who shares a folder that others may look into. It may be
// more than ours, so that its mode is not ours to change.
func (s *settings) checkFolder(ctx context.Context, log *slog.Logger) {
	info, err := os.Stat(s.DataDir)
	if err == nil && info.Mode()&0o077 != 0 && runtime.GOOS != "windows" {
		log.WarnContext(ctx, "others may look into the data folder: run chmod 700 on it", "folder", s.DataDir, "mode", info.Mode().Perm().String())
	}
}
