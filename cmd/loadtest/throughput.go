package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
)

// throughputBytes is the size of a chunk: about that of a token.
const throughputBytes = 6

// throughput measures how many chunks come per second when everybody is as
// fast as can be, and what of processors that takes in the relay.
func (l *lab) throughput(ctx context.Context) ([]*row, error) {
	if len(l.plan.throughput) == 0 {
		return nil, nil
	}
	targets, stop, err := l.all(ctx)
	if err != nil {
		return nil, err
	}
	defer stop()
	var rows []*row
	for _, c := range l.plan.throughput {
		speed := newRow(true, "saturated, answers of %s chunks, %d at a time: chunks/s", thousands(c.chunks), c.concurrency)
		cost := newRow(false, "the same: CPU-s per million chunks")
		rows = append(rows, speed, cost)
		err := l.rounds(ctx, targets, c.answers, func(ctx context.Context, t *target) (string, error) {
			perSecond, perMillion, err := c.run(ctx, t)
			speed.add(t.name, perSecond)
			cost.add(t.name, perMillion)
			return fmt.Sprintf("%.0f chunks/s, %.2f CPU-s per million", perSecond, perMillion), err
		})
		if err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// run returns chunks per second, and CPU seconds of the process per million
// chunks.
func (c throughputCase) run(ctx context.Context, t *target) (perSecond, perMillion float64, err error) {
	before, err := cpuTime(t.pid())
	if err != nil {
		return 0, 0, err
	}
	started := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(c.concurrency)
	for range c.answers {
		group.Go(func() error {
			return t.answer(ctx, ask{chunks: c.chunks, bytes: throughputBytes}, everything)
		})
	}
	if err := group.Wait(); err != nil {
		return 0, 0, err
	}
	took := time.Since(started)
	after, err := cpuTime(t.pid())
	chunks := float64(c.answers * c.chunks)
	return chunks / took.Seconds(), (after - before).Seconds() / chunks * 1e6, err
}
