//go:build !linux

package main

import "syscall"

// allowFiles leaves the limit to the system, which says so if it is reached.
func allowFiles(n int) (int, error) { return n, nil }

// childAttributes are none: a child outlives this process if that is killed.
func childAttributes() *syscall.SysProcAttr { return nil }
