package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTheDataIsForItsOwnerOnly(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	server := start(t, folder)
	server.register("ada")
	data := filepath.Join(folder, "data")
	files := []string{"dreamchat.db", "dreamchat.db-wal", "dreamchat.db-shm", "dreamchat.db-lock", "signing-key.pem"}
	wantMode(t, data, 0o700)
	for _, name := range files {
		wantMode(t, filepath.Join(data, name), 0o600)
	}
	entries, err := os.ReadDir(data)
	if err != nil || len(entries) != len(files) {
		t.Errorf("the folder holds %v, %v", entries, err)
	}

	// As a version left it that had no eye on this; a crash leaves the log behind.
	server.kill()
	for _, name := range files[:4] {
		chmod(t, filepath.Join(data, name), 0o644)
	}
	chmod(t, data, 0o755)
	again := start(t, folder)
	for _, name := range files {
		wantMode(t, filepath.Join(data, name), 0o600)
	}
	wantMode(t, data, 0o755) // it may be more than ours
	eventually(t, "it is told that others may look into the folder", func() bool {
		return strings.Contains(again.stderr.String(), "others may look into the data folder: run chmod 700 on it")
	})
}

func TestAKeyThatOthersMayReadIsRefused(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	start(t, folder).stop()
	file := filepath.Join(folder, "data", "signing-key.pem")
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620} {
		chmod(t, file, mode)
		got := execute(t, folder, nil)
		got.want(t, 1, "signing key data/signing-key.pem: others than its owner may read or write it", "run chmod 600 data/signing-key.pem")
	}
	chmod(t, file, 0o600)
	start(t, folder).stop()
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}
