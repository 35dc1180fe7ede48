package main_test

import "syscall"

// notOrphaned ends a process with the test binary that started it, also when
// that is killed.
func notOrphaned() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
