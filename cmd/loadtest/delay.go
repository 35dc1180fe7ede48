package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"dreamchat/pkg/llm/llmtest"
)

const (
	// delayBytes is the size of a chunk that begins with a stamp.
	delayBytes = llmtest.StampWidth + 5
	// opening is how many streams are opened at the same time.
	opening = 64
)

// delay measures the time from the provider's sending of a chunk to its arrival
// here. The provider stamps each chunk by the clock of this machine.
func (l *lab) delay(ctx context.Context) ([]*row, error) {
	if len(l.plan.delay) == 0 {
		return nil, nil
	}
	targets, stop, err := l.all(ctx, "-stamp")
	if err != nil {
		return nil, err
	}
	defer stop()
	var rows []*row
	for _, c := range l.plan.delay {
		p50 := newRow(false, "delay at %s open, %g chunks/s each: p50, ms", thousands(c.streams), float64(time.Second)/float64(c.pace))
		p99 := newRow(false, "the same: p99, ms")
		rows = append(rows, p50, p99)
		err := l.rounds(ctx, targets, c.streams, func(ctx context.Context, t *target) (string, error) {
			delays, err := c.run(ctx, t)
			p50.add(t.name, percentile(delays, 50))
			p99.add(t.name, percentile(delays, 99))
			return fmt.Sprintf("%d open: p50 %.3f ms, p99 %.3f ms", c.streams, percentile(delays, 50), percentile(delays, 99)), err
		})
		if err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// rounds lets the systems take turns for as many runs as are planned, each of
// which needs so many answers.
func (l *lab) rounds(ctx context.Context, targets []*target, answers int, run func(context.Context, *target) (string, error)) error {
	for _, t := range targets {
		if err := t.prepare(ctx, answers*l.plan.runs); err != nil {
			return err
		}
	}
	for i := range l.plan.runs {
		for _, t := range targets {
			told, err := run(ctx, t)
			if err != nil {
				return err
			}
			l.note("run %d of %d, %s: %s", i+1, l.plan.runs, t.name, told)
		}
	}
	return nil
}

// sample is one chunk: when it was sent, and how much later it came, in
// nanoseconds.
type sample struct{ sent, delay int64 }

// run returns the delays of the chunks that were sent while all streams were
// open, in milliseconds.
func (c delayCase) run(ctx context.Context, t *target) ([]float64, error) {
	group, ctx := errgroup.WithContext(ctx)
	slots := make(chan struct{}, opening)
	streams := make([][]sample, c.streams)
	for i := range streams {
		slots <- struct{}{}
		group.Go(func() (err error) {
			streams[i], err = c.stream(ctx, t, func() { <-slots })
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return overlap(streams)
}

// stream reads one answer. It calls opened when the first chunk is here, or
// none will come.
func (c delayCase) stream(ctx context.Context, t *target, opened func()) ([]sample, error) {
	samples := make([]sample, 0, c.chunks)
	var broken error
	err := t.answer(ctx, ask{chunks: c.chunks, bytes: delayBytes, delay: c.pace}, func(text []byte) bool {
		now := time.Now().UnixNano()
		if len(samples) == 0 {
			opened()
		}
		samples, broken = appendSamples(samples, text, now)
		return broken == nil
	})
	if len(samples) == 0 {
		opened()
	}
	return samples, errors.Join(broken, err)
}

// appendSamples reads the stamps of a text of whole chunks.
func appendSamples(samples []sample, text []byte, now int64) ([]sample, error) {
	for ; len(text) >= delayBytes; text = text[delayBytes:] {
		sent, err := strconv.ParseInt(string(text[:llmtest.StampWidth]), 10, 64)
		if err != nil {
			return samples, fmt.Errorf("a chunk has no stamp: %w", err)
		}
		samples = append(samples, sample{sent: sent, delay: now - sent})
	}
	return samples, nil
}

// overlap takes the delays, in milliseconds, of the chunks that were sent while
// all streams were open. A stream is open when its first chunk has come: one that
// is read elsewhere begins with what was sent before its reader was there.
func overlap(streams [][]sample) ([]float64, error) {
	from, to := int64(0), int64(math.MaxInt64)
	for _, samples := range streams {
		from = max(from, samples[0].sent+samples[0].delay)
		to = min(to, samples[len(samples)-1].sent)
	}
	var delays []float64
	for _, samples := range streams {
		for _, s := range samples {
			if from <= s.sent && s.sent <= to {
				delays = append(delays, float64(s.delay)/float64(time.Millisecond))
			}
		}
	}
	if len(delays) == 0 {
		return nil, errors.New("the first stream ended before the last had begun: opening them takes too long")
	}
	return delays, nil
}
