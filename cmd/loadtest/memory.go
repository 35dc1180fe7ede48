package main

import (
	"context"
	"fmt"
	"io"
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
		opened := newRow(false, "memory at %s open and silent: KiB each, at once", thousands(n))
		settled := newRow(false, "the same, settled")
		rows = append(rows, opened, settled)
		for i := range l.plan.runs {
			for _, system := range systems() {
				first, later, err := l.holdIn(ctx, system, n)
				if err != nil {
					return nil, err
				}
				opened.add(system, first)
				settled.add(system, later)
				l.note("run %d of %d, %s: %d streams, %.1f KiB each, settled %.1f KiB", i+1, l.plan.runs, system, n, first, later)
			}
		}
	}
	return rows, nil
}

// holdIn opens streams in processes that have done nothing else, and returns
// the KiB of each, at once and settled. The provider is new as well, so that
// its port has no connections of an earlier run.
func (l *lab) holdIn(ctx context.Context, system string, streams int) (opened, settled float64, err error) {
	upstream, err := l.upstream(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer upstream.kill()
	t, err := l.target(ctx, system, upstream)
	if err != nil {
		return 0, 0, err
	}
	defer func() { l.discard(t) }()
	if err := t.prepare(ctx, streams); err != nil {
		return 0, 0, err
	}
	// What the preparations left in memory would be reused by the streams.
	if err := t.restart(ctx); err != nil {
		return 0, 0, err
	}
	if err := t.warm(ctx); err != nil {
		return 0, 0, err
	}
	l.client.CloseIdleConnections()
	return t.hold(ctx, streams)
}

// discard ends a system whose streams are open. It may leave a database of ours
// as it is; answers in another one are to be closed.
func (l *lab) discard(t *target) {
	if l.databaseURL == "" {
		t.kill()
	}
	t.terminate()
}

// hold opens streams and measures them.
func (t *target) hold(ctx context.Context, streams int) (opened, settled float64, err error) {
	before, err := residentBytes(t.pid())
	if err != nil {
		return 0, 0, err
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
		return 0, 0, err
	}
	first, err := residentBytes(t.pid())
	if err != nil {
		return 0, 0, err
	}
	later, err := settle(ctx, t.pid(), first)
	if err != nil {
		return 0, 0, err
	}
	files, err := openFiles(t.pid())
	if err != nil {
		return 0, 0, err
	}
	if files < 2*streams {
		return 0, 0, t.failed(fmt.Errorf("%d files are open, want two for each of %d streams", files, streams))
	}
	each := func(rss int64) float64 { return float64(rss-before) / 1024 / float64(streams) }
	return each(first), each(later), nil
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

// settle waits until the memory of a process stays about the same, for a while
// at most, and returns it.
func settle(ctx context.Context, pid int, rss int64) (int64, error) {
	poll, most := time.NewTicker(settlePoll), time.After(settleMost)
	defer poll.Stop()
	for {
		select {
		case <-poll.C:
		case <-most:
			return rss, nil
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
		now, err := residentBytes(pid)
		if err != nil || max(now, rss)-min(now, rss) < rss/200 {
			return now, err
		}
		rss = now
	}
}
