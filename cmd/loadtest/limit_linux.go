package main

import "syscall"

// allowFiles lets this process and those that it starts have that many files
// open, or as many as the hard limit allows, which only root may raise. It
// returns how many these are.
func allowFiles(n int) (int, error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, err
	}
	wanted := max(limit.Max, uint64(n))
	if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: wanted, Max: wanted}) == nil {
		return n, nil
	}
	// Setting what is the limit already makes children inherit it.
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: limit.Max, Max: limit.Max}); err != nil {
		return 0, err
	}
	return int(min(limit.Max, uint64(n))), nil
}

// childAttributes make a child end when this process is killed.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
