package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"dreamchat/pkg/servertest"
)

func TestEverySectionFillsItsRows(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Log("only the delay is measured: there is no /proc")
	}
	databaseURL, redisURL := servertest.Postgres(t), servertest.Redis(t)
	home := t.TempDir()
	t.Setenv("TMPDIR", home)
	l := &lab{
		databaseURL: databaseURL,
		redisURL:    redisURL,
		plan: plan{
			runs:       1,
			delay:      []delayCase{{streams: 3, chunks: 20, pace: 20 * time.Millisecond}},
			throughput: []throughputCase{{concurrency: 2, answers: 8, chunks: 50}},
			memory:     []int{4},
		},
		buildFlags: []string{raceFlag},
		progress:   t.Output(),
	}
	if runtime.GOOS != "linux" {
		l.plan = l.plan.only("delay")
	}
	var out bytes.Buffer
	if err := l.run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}

	want := 2*len(l.plan.delay) + 5*len(l.plan.throughput) + 3*len(l.plan.memory)
	filled := regexp.MustCompile(`(?m)^\| [A-Za-z][^|]*\|.*\| -?[0-9][^|]* \|$`)
	if found := filled.FindAllString(out.String(), -1); len(found) != want {
		t.Errorf("%d rows are filled, want %d:\n%s", len(found), want, out.String())
	}
	if left, err := os.ReadDir(home); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestACancelledRunSaysWhyAndLeavesNothing(t *testing.T) {
	home := t.TempDir()
	t.Setenv("TMPDIR", home)
	l := &lab{plan: quickPlan(), buildFlags: []string{raceFlag}, progress: t.Output()}
	why := errors.New("somebody pressed a key")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	if err := l.run(ctx, t.Output()); !errors.Is(err, why) {
		t.Errorf("the error is %v, want %v", err, why)
	}
	if left, err := os.ReadDir(home); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestAProcessThatEndsSaysWhatItSaid(t *testing.T) {
	l := &lab{dir: t.TempDir()}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	_, err = start(t.Context(), "relay", func(string, string) *exec.Cmd {
		return l.command(t.Context(), self, []string{"relay", "--kind=http"}, nil)
	})
	if err == nil || !strings.Contains(err.Error(), "--listen") {
		t.Errorf("the error is %v, want what the process said of --listen", err)
	}
}
