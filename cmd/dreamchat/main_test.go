package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"testing"
)

// binary is the command under test.
//
//nolint:gochecknoglobals // built once for all tests, never written afterwards
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	folder, err := os.MkdirTemp("", "dreamchat-command-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(folder) }() // a temporary folder
	binary = filepath.Join(folder, "dreamchat")
	if output, err := build(binary).CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build the command: %v\n%s", err, output)
		return 1
	}
	return m.Run()
}

// build watches for races if the tests do.
func build(output string) *exec.Cmd {
	// A clone that belongs to another user has no revision that git would tell.
	arguments := []string{"build", "-buildvcs=false", "-o", output}
	if info, ok := debug.ReadBuildInfo(); ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		arguments = append(arguments, "-race")
	}
	return exec.Command("go", append(arguments, ".")...)
}
