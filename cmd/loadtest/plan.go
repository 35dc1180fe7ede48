package main

import (
	"errors"
	"fmt"
	"time"
)

// plan is how much is measured. A section without cases is left out.
type plan struct {
	runs       int
	delay      []delayCase
	throughput []throughputCase
	memory     []int // streams to hold open
}

// delayCase is streams at the same time, each of chunks that come at a pace.
type delayCase struct {
	streams, chunks int
	pace            time.Duration
}

// throughputCase is answers as fast as they go, some of them at a time.
type throughputCase struct {
	concurrency, answers, chunks int
}

func fullPlan() plan {
	return plan{
		runs: 5,
		delay: []delayCase{
			{streams: 1, chunks: 200, pace: 20 * time.Millisecond},
			{streams: 100, chunks: 60, pace: 50 * time.Millisecond},
			// Two cores cannot give a thousand streams the same pace.
			{streams: 1000, chunks: 60, pace: 200 * time.Millisecond},
		},
		throughput: []throughputCase{
			{concurrency: 100, answers: 900, chunks: 400},
			{concurrency: 100, answers: 200, chunks: 2000},
		},
		memory: []int{1_000, 10_000},
	}
}

func quickPlan() plan {
	return plan{
		runs: 1,
		delay: []delayCase{
			{streams: 1, chunks: 100, pace: 20 * time.Millisecond},
			{streams: 100, chunks: 40, pace: 50 * time.Millisecond},
			{streams: 1000, chunks: 50, pace: 200 * time.Millisecond},
		},
		throughput: []throughputCase{
			{concurrency: 100, answers: 300, chunks: 400},
			{concurrency: 100, answers: 100, chunks: 2000},
		},
		memory: []int{1_000},
	}
}

// only leaves the section of that name.
func (p plan) only(section string) plan {
	one := plan{runs: p.runs}
	switch section {
	case "delay":
		one.delay = p.delay
	case "throughput":
		one.throughput = p.throughput
	case "memory":
		one.memory = p.memory
	}
	return one
}

func (p plan) check() error {
	if p.runs < 1 || p.runs > 100 {
		return errors.New("--runs must be from 1 to 100")
	}
	for _, n := range p.memory {
		if n < 1 || n > 20_000 {
			return fmt.Errorf("--memory-streams must be from 1 to 20000 each, not %d: an address has no ports for more", n)
		}
	}
	return nil
}

// otherFiles is what a process has open besides its streams, at most.
const otherFiles = 100

// files is how many files one process must be able to have open: of each
// stream a bare relay holds the reader's connection and the provider's.
func (p plan) files() int {
	most := 0
	for _, n := range p.memory {
		most = max(most, n)
	}
	for _, c := range p.delay {
		most = max(most, c.streams)
	}
	for _, c := range p.throughput {
		most = max(most, c.concurrency)
	}
	return 2*most + otherFiles
}

// within holds no more streams open than the allowed files are enough for, and
// tells whether those are fewer than planned.
func (p plan) within(files int) (fitting plan, fewer bool) {
	most := (files - otherFiles) / 2
	fitting = p
	fitting.memory = nil
	for _, n := range p.memory {
		fewer = fewer || n > most
		fitting.memory = append(fitting.memory, min(n, most))
	}
	return fitting, fewer
}
