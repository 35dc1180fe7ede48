package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
)

// othersMay are the permissions of everybody but the owner.
const othersMay fs.FileMode = 0o077

// keepPrivate makes what a SQLite database consists of readable by its owner
// only. SQLite gives its write-ahead log the mode of the database.
func keepPrivate(ctx context.Context, log *slog.Logger, path string) error {
	for _, made := range []string{path, path + lockSuffix} {
		if err := createPrivate(made); err != nil {
			return fmt.Errorf("the file %s cannot be made: %w", made, err)
		}
	}
	for _, suffix := range []string{"", lockSuffix, "-wal", "-shm"} {
		if err := narrow(path + suffix); err != nil && log != nil {
			log.WarnContext(ctx, "others may read the database", "file", path+suffix, "error", err)
		}
	}
	return nil
}

// createPrivate makes an empty file if there is none. It gets its name when it
// is closed already: to close a file takes the locks away that SQLite has on it
// elsewhere in this process.
func createPrivate(path string) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	draft, err := os.CreateTemp(filepath.Dir(path), ".dreamchat-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(draft.Name()) }() // the file has its name by then, or there is none
	if err := draft.Close(); err != nil {
		return err
	}
	if err := os.Link(draft.Name(), path); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

func narrow(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil || info.Mode()&othersMay == 0 || !info.Mode().IsRegular() {
		return err
	}
	return os.Chmod(path, info.Mode().Perm()&^othersMay)
}
