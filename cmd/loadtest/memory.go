package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	settlePoll = 500 * time.Millisecond
	settleMost = 5 * time.Second
)

// memory measures what a stream takes that is open and silent.
func (l *lab) memory(ctx context.Context) ([]*row, error) {
	var rows []*row
	for _, n := range l.plan.memory {
		of := memoryRows{
			opened:  newRow(false, "memory at %s open and silent: KiB each, at once", thousands(n)),
			settled: newRow(false, "the same, settled"),
			reader:  newRow(false, "of which on the instance that is read"),
		}
		rows = append(rows, of.opened, of.settled, of.reader)
		for i := range l.plan.runs {
			for _, system := range systems() {
				found, err := l.holdIn(ctx, system, n)
				if err != nil {
					return nil, err
				}
				of.add(system, found)
				l.note("run %d of %d, %s: %d streams, %.1f KiB each, settled %.1f KiB", i+1, l.plan.runs, system, n,
					total(found.opened), total(found.settled))
			}
		}
	}
	return rows, nil
}

type memoryRows struct{ opened, settled, reader *row }

func (rows memoryRows) add(system string, found held) {
	rows.opened.add(system, total(found.opened))
	rows.settled.add(system, total(found.settled))
	if n := len(found.settled); n > 1 {
		rows.reader.add(system, found.settled[n-1])
	}
}

// held is what a stream takes, in KiB, of each process of a system.
type held struct{ opened, settled []float64 }

// holdIn opens streams in processes that have done nothing else. The provider is
// new as well, so that its port has no connections of an earlier run.
func (l *lab) holdIn(ctx context.Context, system string, streams int) (held, error) {
	upstream, err := l.upstream(ctx)
	if err != nil {
		return held{}, err
	}
	defer upstream.kill()
	t, err := l.target(ctx, system, upstream)
	if err != nil {
		return held{}, err
	}
	defer func() { t.terminate() }() // so that no instance has to close its answers later
	if err := t.prepare(ctx, streams); err != nil {
		return held{}, err
	}
	// What the preparations left in memory would be reused by the streams.
	if err := t.restart(ctx); err != nil {
		return held{}, err
	}
	if err := t.warm(ctx); err != nil {
		return held{}, err
	}
	l.client.CloseIdleConnections()
	return t.hold(ctx, streams)
}

// hold opens streams and measures them.
func (t *target) hold(ctx context.Context, streams int) (held, error) {
	before, err := t.resident()
	if err != nil {
		return held{}, err
	}
	bodies, err := t.openAll(ctx, streams)
	defer func() {
		for _, body := range bodies {
			if body != nil {
				_ = body.Close()
			}
		}
	}()
	if err != nil {
		return held{}, err
	}
	first, err := t.resident()
	if err != nil {
		return held{}, err
	}
	later, err := t.settle(ctx, first)
	if err != nil {
		return held{}, err
	}
	each := func(rss []float64) []float64 {
		for i := range rss {
			rss[i] = (rss[i] - before[i]) / 1024 / float64(streams)
		}
		return rss
	}
	return held{opened: each(first), settled: each(later)}, t.failed(t.holds(streams))
}

// holds checks that the streams are open, towards the reader and the provider.
func (t *target) holds(streams int) error {
	open := 0
	for _, p := range t.processes {
		files, err := openFiles(p.pid())
		if err != nil {
			return err
		}
		open += files
	}
	if open < 2*streams {
		return fmt.Errorf("%d files are open, want two for each of %d streams", open, streams)
	}
	return nil
}

// resident is what each process occupies, in bytes.
func (t *target) resident() ([]float64, error) {
	var all []float64
	for _, p := range t.processes {
		rss, err := residentBytes(p.pid())
		if err != nil {
			return nil, err
		}
		all = append(all, float64(rss))
	}
	return all, nil
}

// openAll opens streams until the first chunk of each is here. The provider
// sends the second in an hour.
func (t *target) openAll(ctx context.Context, streams int) ([]io.ReadCloser, error) {
	bodies := make([]io.ReadCloser, streams)
	group := new(errgroup.Group) // the streams outlive it
	group.SetLimit(opening)
	for i := range bodies {
		group.Go(func() error {
			response, err := t.open(ctx, ask{chunks: 2, bytes: throughputBytes, delay: time.Hour})
			if err != nil {
				return err
			}
			bodies[i] = response.Body
			found, err := t.wire.read(response.Body, func([]byte) bool { return false })
			if err == nil && found.chunks != 1 {
				err = errUnended
			}
			return t.failed(err)
		})
	}
	return bodies, group.Wait()
}

// settle waits until the memory stays about the same, for a while at most, and
// returns it.
func (t *target) settle(ctx context.Context, rss []float64) ([]float64, error) {
	poll, most := time.NewTicker(settlePoll), time.After(settleMost)
	defer poll.Stop()
	for {
		select {
		case <-poll.C:
		case <-most:
			return slices.Clone(rss), nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		now, err := t.resident()
		if err != nil || math.Abs(total(now)-total(rss)) < total(rss)/200 {
			return now, err
		}
		rss = now
	}
}
