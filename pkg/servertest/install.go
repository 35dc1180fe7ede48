//go:build unix

package servertest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// binary finds a program in PATH or in one of the folders that the patterns
// match; if there is none it installs the Debian package when it may.
func binary(name, pkg string, patterns ...string) (string, error) {
	if path, ok := find(name, patterns); ok {
		return path, nil
	}
	if err := install(pkg); err != nil {
		return "", err
	}
	if path, ok := find(name, patterns); ok {
		return path, nil
	}
	return "", fmt.Errorf("%s is still missing after the installation of the package %s", name, pkg)
}

func find(name string, patterns []string) (string, bool) {
	if path, err := exec.LookPath(name); err == nil {
		return path, true
	}
	for _, pattern := range patterns {
		// The last one is the newest version. The patterns are constants.
		if matches, _ := filepath.Glob(filepath.Join(pattern, name)); len(matches) > 0 {
			return matches[len(matches)-1], true
		}
	}
	return "", false
}

// install runs apt-get, one test binary at a time.
func install(pkg string) error {
	apt, err := exec.LookPath("apt-get")
	if err != nil || os.Geteuid() != 0 {
		return fmt.Errorf("install the package %[1]s (on Debian or Ubuntu: sudo apt-get install %[1]s) "+
			"or set TEST_DATABASE_URL and TEST_REDIS_URL to servers that tests may use", pkg)
	}
	lock, err := os.OpenFile(filepath.Join(os.TempDir(), "dreamchat-servertest-install.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = lock.Close() }() // which also gives the lock back
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	for _, arguments := range [][]string{
		{"update", "-q"},
		{"install", "-q", "-y", "--no-install-recommends", pkg},
	} {
		command := exec.Command(apt, arguments...)
		// At run level 1 the package does not start a server of its own.
		command.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1")
		if output, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %s %s: %w\n%s", arguments[0], pkg, err, output)
		}
	}
	return nil
}
