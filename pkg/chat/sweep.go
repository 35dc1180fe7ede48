package chat

import (
	"context"
	"errors"
	"sync"
	"time"

	"dreamchat/pkg/problem"
)

const (
	sweepEvery = 2 * time.Second
	sweepBatch = 100
	// closers is how many abandoned answers are closed at once.
	closers = 8
	// silence is how long an answer may go without a sign of life before it
	// counts as abandoned. With the time between sweeps and the time to close it,
	// it is what a reader waits at most when a server was killed.
	silence = 8 * time.Second
	// patience is how long an abandoned answer is left alone when it cannot be
	// told what its server published last.
	patience = 30 * time.Second
)

// watch is when each answer that is being made was last seen to change: its
// stored sign of life, and when we saw that first. Only our own clock is read, so
// it does not matter how far the clocks of two servers are apart.
type watch map[string]sign

type sign struct {
	life  time.Time
	since time.Time
}

// sweepRegularly sweeps at once and every now and then until ctx is done.
func (g *Generations) sweepRegularly(ctx context.Context) {
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		g.sweep(ctx)
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// sweep closes answers that nobody makes any more: once those that an earlier
// process left behind under our name, and always those of servers that have
// fallen silent.
func (g *Generations) sweep(ctx context.Context) {
	if g.unsaved.Swap(false) {
		g.watched = nil // others may have been kept from saving too
	}
	seen := make(watch)
	for after := ""; ; {
		running, err := g.runningAnswers(ctx, after)
		if err != nil {
			// After an outage everybody was silent: give them time to speak.
			g.watched = nil
			g.Log.WarnContext(ctx, "sweep failed", "error", err)
			return
		}
		for _, found := range running {
			seen[found.MessageID] = g.watched.look(found)
		}
		if err := g.closeAbandoned(ctx, running, seen); errors.Is(err, problem.Unavailable) || ctx.Err() != nil {
			g.watched = nil
			return
		}
		if len(running) < sweepBatch {
			break
		}
		after = running[len(running)-1].MessageID
	}
	g.watched, g.inherited = seen, true
}

func (g *Generations) runningAnswers(ctx context.Context, after string) ([]Running, error) {
	ctx, cancel := context.WithTimeout(ctx, saveTimeout)
	defer cancel()
	return g.Store.RunningAnswers(ctx, after, sweepBatch)
}

func (w watch) look(found Running) sign {
	if before, ok := w[found.MessageID]; ok && before.life.Equal(found.UpdatedAt) {
		return before
	}
	return sign{life: found.UpdatedAt, since: time.Now()}
}

// closeAbandoned closes those that nobody makes any more, several at once: a
// server that was killed may have left hundreds. It returns all errors.
func (g *Generations) closeAbandoned(ctx context.Context, running []Running, seen watch) error {
	var closing sync.WaitGroup
	next := make(chan Running)
	failures := make([]error, closers)
	for i := range failures {
		closing.Go(func() {
			for found := range next {
				err := g.closeOne(ctx, found, time.Since(seen[found.MessageID].since))
				failures[i] = errors.Join(failures[i], err)
			}
		})
	}
	for _, found := range running {
		if g.isAbandoned(found, seen[found.MessageID]) {
			next <- found
		}
	}
	close(next)
	closing.Wait()
	return errors.Join(failures...)
}

func (g *Generations) isAbandoned(found Running, seen sign) bool {
	left := !g.inherited && found.Owner == g.Owner
	_, here := g.find(found.UserID, found.MessageID)
	return !here && (left || time.Since(seen.since) >= silence)
}

func (g *Generations) closeOne(ctx context.Context, found Running, silent time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, saveTimeout)
	defer cancel()
	err := g.interrupt(ctx, found, silent)
	if err != nil {
		g.Log.WarnContext(ctx, "abandoned answer not closed", "message", found.MessageID, "error", err)
	}
	return err
}

// interrupt closes an abandoned answer with all that any reader can have seen:
// what was saved, and what was published since. Where that cannot be told, the
// next attempt begins, since readers may hold events that nobody else does.
func (g *Generations) interrupt(ctx context.Context, found Running, silent time.Duration) error {
	answer, err := g.Messages.Message(ctx, found.UserID, found.MessageID)
	if err != nil || answer.Status != StatusStreaming || !answer.UpdatedAt.Equal(found.UpdatedAt) {
		return notGone(err)
	}
	stored := answer
	tail, err := g.Streams.Seize(ctx, answer.ID, answer.LastEventSeq)
	if err != nil && silent < patience {
		return nil // Redis is away: it may know more when it is back
	}
	answer.add(tail.Events)
	if !tail.Whole {
		answer.Attempt++
	}
	answer.UpdatedAt = now()
	if answer.StopRequested {
		answer.Status, answer.FinishReason = StatusStopped, FinishStopped
	} else {
		fail(&answer, errCrashed)
	}
	answer.LastEventSeq = len(answer.Events())
	model, err := g.Models.Find(ctx, answer.ModelID)
	if err != nil && !errors.Is(err, problem.NotFound) {
		return err
	}
	charge := g.Ledger.chargeAnswer(&answer, model)
	if err := g.Store.CloseAnswer(ctx, stored, answer, charge); err != nil {
		return notGone(err)
	}
	g.Slots.free(ctx, stored.slot(found.UserID))
	g.Streams.Closed(ctx, answer.ID)
	g.Notify.Changed(ctx, found.UserID)
	g.Log.InfoContext(ctx, "abandoned answer closed", "message", answer.ID)
	return nil
}

// notGone drops the errors that mean that there is nothing to close any more.
func notGone(err error) error {
	if errors.Is(err, problem.Conflict) || errors.Is(err, problem.NotFound) {
		return nil
	}
	return err
}
