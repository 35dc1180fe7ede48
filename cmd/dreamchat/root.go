package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"

	"dreamchat/pkg/auth"
)

// root is the key that all others come of: from the settings, or kept in the data
// folder.
func (s *settings) root() (*auth.Key, error) {
	if s.SigningKey != "" {
		return auth.ParseKey([]byte(s.SigningKey))
	}
	return auth.LoadOrCreateKey(s.keyFile())
}

// madeRoot is the root key of the servers, which made it if it is not set.
func (s *settings) madeRoot() (*auth.Key, error) {
	if s.SigningKey != "" {
		return auth.ParseKey([]byte(s.SigningKey))
	}
	key, err := auth.LoadKey(s.keyFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no signing key %s: set SIGNING_KEY or DATA_DIR as the servers have it", s.keyFile())
	}
	return key, err
}

func (s *settings) keyFile() string { return filepath.Join(s.DataDir, "signing-key.pem") }

// checkFolder tells who shares a folder that others may look into. It may be
// more than ours, so that its mode is not ours to change.
func (s *settings) checkFolder(ctx context.Context, log *slog.Logger) {
	info, err := os.Stat(s.DataDir)
	if err == nil && info.Mode()&0o077 != 0 && runtime.GOOS != "windows" {
		log.WarnContext(ctx, "others may look into the data folder: run chmod 700 on it", "folder", s.DataDir, "mode", info.Mode().Perm().String())
	}
}
