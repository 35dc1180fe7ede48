package chat

import (
	"context"
	"errors"
	"time"

	"dreamchat/pkg/problem"
)

const (
	sweepBatch = 100
	// silence is how long an answer may go without a checkpoint before it
	// counts as abandoned.
	silence = 30 * time.Second
)

// sweep closes answers that nobody makes any more: once those that an earlier
// process left behind under our name, and always those of servers that have
// fallen silent.
func (g *Generations) sweep(ctx context.Context) {
	if !g.inherited {
		g.inherited = g.closeAbandoned(ctx, g.Owner, time.Time{})
	}
	// After an outage everybody was silent: give them time to speak.
	if time.Since(g.outage) > silence {
		g.closeAbandoned(ctx, "", now().Add(-silence))
	}
}

// closeAbandoned closes batch after batch and tells whether it came to the end.
func (g *Generations) closeAbandoned(ctx context.Context, owner string, before time.Time) bool {
	for ctx.Err() == nil {
		abandoned, err := g.abandoned(ctx, owner, before)
		closed := 0
		if err == nil {
			closed, err = g.interruptEach(ctx, abandoned)
		}
		if err != nil {
			g.Log.WarnContext(ctx, "sweep failed", "error", err)
			return false
		}
		if closed == 0 || len(abandoned) < sweepBatch {
			return true
		}
	}
	return false
}

func (g *Generations) abandoned(ctx context.Context, owner string, before time.Time) ([]Abandoned, error) {
	ctx, cancel := context.WithTimeout(ctx, saveTimeout)
	defer cancel()
	return g.Store.AbandonedAnswers(ctx, owner, before, sweepBatch)
}

// interruptEach counts the answers that it closes. It gives up when the database
// is away, since checkpoints and the end of the server wait for it.
func (g *Generations) interruptEach(ctx context.Context, abandoned []Abandoned) (closed int, err error) {
	for _, found := range abandoned {
		if _, here := g.find(found.UserID, found.Answer.ID); here {
			continue
		}
		err := g.interrupt(ctx, found)
		switch {
		case errors.Is(err, problem.Unavailable):
			return closed, err
		case err != nil:
			g.Log.WarnContext(ctx, "abandoned answer not closed", "message", found.Answer.ID, "error", err)
		default:
			closed++
		}
	}
	return closed, nil
}

// interrupt closes an abandoned answer with what its last checkpoint holds. The
// next attempt begins, since readers may hold events that were never stored.
func (g *Generations) interrupt(ctx context.Context, found Abandoned) error {
	answer := found.Answer
	answer.Attempt++
	answer.UpdatedAt = now()
	fail(&answer, errCrashed)
	answer.LastEventSeq = len(answer.Events())
	err := g.finish(ctx, found.Answer.Attempt, &answer)
	if errors.Is(err, problem.Conflict) {
		return nil // somebody was faster
	}
	if err != nil {
		return err
	}
	g.Lists.Advance(ctx, found.UserID)
	g.Log.InfoContext(ctx, "abandoned answer closed", "message", answer.ID)
	return nil
}
