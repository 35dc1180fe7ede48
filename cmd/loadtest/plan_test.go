package main

import (
	"slices"
	"testing"
)

func TestPlansAreWithinBoundsAndNeedFilesForTheirLargestCase(t *testing.T) {
	for _, p := range []plan{fullPlan(), quickPlan()} {
		if err := p.check(); err != nil {
			t.Error(err)
		}
	}
	if files := fullPlan().files(); files < 20_000 || files > 21_000 {
		t.Errorf("ten thousand streams need %d files, want two each and some more", files)
	}
	if files := (plan{delay: []delayCase{{streams: 50}}, memory: []int{10}}).files(); files < 100 {
		t.Errorf("fifty streams need %d files", files)
	}
	for _, p := range []plan{{}, {runs: 101}, {runs: 1, memory: []int{0}}, {runs: 1, memory: []int{20_001}}} {
		if p.check() == nil {
			t.Errorf("%+v is let through", p)
		}
	}
}

func TestOneSectionLeavesTheOthersOut(t *testing.T) {
	for _, section := range []string{"delay", "throughput", "memory"} {
		p := fullPlan().only(section)
		for name, cases := range map[string]int{"delay": len(p.delay), "throughput": len(p.throughput), "memory": len(p.memory)} {
			if (cases > 0) != (name == section) {
				t.Errorf("%s: there are %d cases of %s", section, cases, name)
			}
		}
	}
}

func TestNoMoreStreamsAreHeldThanTheLimitOfFilesAllows(t *testing.T) {
	p := plan{runs: 1, memory: []int{1_000, 10_000}}
	if fitting, fewer := p.within(p.files()); fewer || !slices.Equal(fitting.memory, p.memory) {
		t.Errorf("enough files: got %v, %v", fitting.memory, fewer)
	}
	fitting, fewer := p.within(20_000)
	if !fewer || !slices.Equal(fitting.memory, []int{1_000, 9_950}) || fitting.files() > 20_000 {
		t.Errorf("20000 files: got %v, %v", fitting.memory, fewer)
	}
}
