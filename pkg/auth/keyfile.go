package auth

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// maxKeyFile bounds what is read of a key file, in bytes; a key takes 119.
const maxKeyFile = 16 << 10

// LoadOrCreateKey reads the key at path (PKCS#8 PEM). If there is none it
// makes one, readable by its owner only, and the folders that are missing. Of
// several processes that start at once all get the same key. A file that others
// than its owner may read is an error. Errors name the path.
func LoadOrCreateKey(path string) (*Key, error) {
	key, err := loadKey(path)
	if errors.Is(err, fs.ErrNotExist) {
		key, err = createKey(path)
	}
	return key, named(path, err)
}

// LoadKey is LoadOrCreateKey where there must be a key: none is fs.ErrNotExist.
func LoadKey(path string) (*Key, error) {
	key, err := loadKey(path)
	return key, named(path, err)
}

func named(path string, err error) error {
	if err != nil {
		return fmt.Errorf("signing key %s: %w", path, err)
	}
	return nil
}

func loadKey(path string) (*Key, error) {
	file, err := os.Open(path) //nolint:gosec // the settings say where it is
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if err := isPrivate(file); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(file, maxKeyFile))
	if err != nil {
		return nil, err
	}
	return ParseKey(text)
}

// isPrivate refuses a file whose key others than its owner may know.
func isPrivate(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if runtime.GOOS == "windows" { // where modes say nothing
		return nil
	}
	if info.Mode()&0o077 != 0 {
		return fmt.Errorf("others than its owner may read or write it (mode %#o): run chmod 600 %s", info.Mode().Perm(), file.Name())
	}
	return nil
}

// createKey writes the key whole before it gets its name, and a link never
// replaces: whoever comes second finds the key of the first.
func createKey(path string) (*Key, error) {
	folder := filepath.Dir(path)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	key, err := NewKey()
	if err != nil {
		return nil, err
	}
	draft, err := writeDraft(folder, key)
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.Remove(draft) }() // the key has its name by then, or there is none
	if err := os.Link(draft, path); errors.Is(err, fs.ErrExist) {
		return loadKey(path)
	} else if err != nil {
		return nil, err
	}
	return key, syncFolder(folder)
}

func writeDraft(folder string, key *Key) (name string, err error) {
	text, err := key.PEM()
	if err != nil {
		return "", err
	}
	draft, err := os.CreateTemp(folder, ".key-*") // mode 0600
	if err != nil {
		return "", err
	}
	_, err = draft.Write(text)
	err = errors.Join(err, draft.Sync(), draft.Close())
	if err != nil {
		return "", errors.Join(err, os.Remove(draft.Name()))
	}
	return draft.Name(), nil
}

// syncFolder makes the new name survive a crash: tokens are out soon after.
func syncFolder(folder string) error {
	opened, err := os.Open(folder) //nolint:gosec // the settings say where it is
	if err != nil {
		return err
	}
	return errors.Join(opened.Sync(), opened.Close())
}
