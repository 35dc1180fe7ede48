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
		of := newThroughputRows(c)
		rows = append(rows, of.all()...)
		err := l.rounds(ctx, targets, c.answers, func(ctx context.Context, t *target) (string, error) {
			found, err := l.saturate(ctx, c, t)
			of.add(t, found)
			return fmt.Sprintf("%.0f chunks/s, %.2f CPU-s per million", found.perSecond, total(found.processes)), err
		})
		if err != nil {
			return nil, err
		}
	}
	return rows, nil
}

type throughputRows struct{ speed, perCPU, cost, reader, redis *row }

func newThroughputRows(c throughputCase) throughputRows {
	return throughputRows{
		speed:  newRow(true, "saturated, answers of %s chunks, %d at a time: chunks/s", thousands(c.chunks), c.concurrency),
		perCPU: newRow(true, "the same: characters per CPU-s"),
		cost:   newRow(false, "the same: CPU-s per million chunks"),
		reader: newRow(false, "of which on the instance that is read"),
		redis:  newRow(false, "Redis, besides: CPU-s per million chunks"),
	}
}

func (rows throughputRows) all() []*row {
	return []*row{rows.speed, rows.perCPU, rows.cost, rows.reader, rows.redis}
}

func (rows throughputRows) add(t *target, found saturation) {
	cost := total(found.processes)
	rows.speed.add(t.name, found.perSecond)
	rows.perCPU.add(t.name, throughputBytes*1e6/cost)
	rows.cost.add(t.name, cost)
	if n := len(found.processes); n > 1 {
		rows.reader.add(t.name, found.processes[n-1])
	}
	if t.name == withRedis || t.name == relayed {
		rows.redis.add(t.name, found.redis)
	}
}

// saturation is what came, in chunks per second, and what it cost of each process
// and of Redis, in CPU seconds per million chunks.
type saturation struct {
	perSecond float64
	processes []float64
	redis     float64
}

// saturate orders answers as fast as they come.
func (l *lab) saturate(ctx context.Context, c throughputCase, t *target) (saturation, error) {
	before, err := l.used(ctx, t)
	if err != nil {
		return saturation{}, err
	}
	started := time.Now()
	group, running := errgroup.WithContext(ctx)
	group.SetLimit(c.concurrency)
	for range c.answers {
		group.Go(func() error {
			return t.answer(running, ask{chunks: c.chunks, bytes: throughputBytes}, everything)
		})
	}
	if err := group.Wait(); err != nil {
		return saturation{}, err
	}
	took := time.Since(started)
	after, err := l.used(ctx, t)
	if err != nil {
		return saturation{}, err
	}
	chunks := float64(c.answers * c.chunks)
	for i := range after {
		after[i] = (after[i] - before[i]) / chunks * 1e6
	}
	last := len(after) - 1
	return saturation{perSecond: chunks / took.Seconds(), processes: after[:last], redis: after[last]}, nil
}

// used is what each process of the system has used of processors, in seconds, and
// then what Redis has, which all systems share.
func (l *lab) used(ctx context.Context, t *target) ([]float64, error) {
	var all []float64
	for _, p := range t.processes {
		used, err := cpuTime(p.pid())
		if err != nil {
			return nil, err
		}
		all = append(all, used.Seconds())
	}
	used, err := l.redisTime(ctx)
	return append(all, used), err
}
