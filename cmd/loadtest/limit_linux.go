package main

import (
	"fmt"
	"syscall"
)

// allowFiles lets this process and those that it starts have that many files
// open. Only root may exceed the hard limit.
func allowFiles(n uint64) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	wanted := syscall.Rlimit{Cur: max(limit.Cur, n), Max: max(limit.Max, n)}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &wanted); err != nil {
		return fmt.Errorf("these streams need %d open files in one process and the limit is %d: "+
			"raise the hard limit (ulimit -Hn %d as root) or hold fewer with --memory-streams: %w", n, limit.Max, n, err)
	}
	return nil
}

// childAttributes make a child end when this process is killed.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
