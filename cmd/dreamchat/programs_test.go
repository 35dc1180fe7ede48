package main_test

import (
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// program finds the first of these programs that is installed. They come with
// the package of Debian.
func program(t *testing.T, pkg string, names ...string) string {
	t.Helper()
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatalf("install the package %s (on Debian or Ubuntu: sudo apt-get install %s): none of %s is there",
		pkg, pkg, strings.Join(names, ", "))
	return ""
}

// spawn starts a program of somebody else. It and its children are killed at
// the end of the test. The channel is closed when it has ended.
func spawn(tb testing.TB, command *exec.Cmd) <-chan struct{} {
	tb.Helper()
	attributes := syscall.SysProcAttr{}
	if wanted := notOrphaned(); wanted != nil {
		attributes = *wanted
	}
	attributes.Setpgid = true // its children are in its group
	command.SysProcAttr = &attributes
	if err := command.Start(); err != nil {
		tb.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		_ = command.Wait() // what it did before tells
		close(exited)
	}()
	tb.Cleanup(func() {
		_ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL) // unless it has ended
		<-exited
	})
	return exited
}
