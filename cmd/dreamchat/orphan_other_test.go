//go:build !linux

package main_test

import "syscall"

// notOrphaned can do nothing here: a process outlives a test binary that is
// killed.
func notOrphaned() *syscall.SysProcAttr { return nil }
