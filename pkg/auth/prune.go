package auth

import (
	"context"
	"time"
)

const (
	pruneEvery   = time.Minute
	pruneBatch   = 1000
	pruneTimeout = 10 * time.Second
	// keepEnded is for how long a session is kept that has ended. By then all of
	// its access tokens have expired.
	keepEnded = time.Hour
)

// Run forgets what nobody needs any more, until ctx is done: sessions that have
// ended, refresh tokens that have expired, and the answers to refreshes whose
// grace is over.
func (a *Accounts) Run(ctx context.Context) error {
	tick := time.NewTicker(pruneEvery)
	defer tick.Stop()
	for {
		a.prune(ctx, now())
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (a *Accounts) prune(ctx context.Context, at time.Time) {
	a.pruneAll(ctx, at.Add(-a.RefreshGrace), a.Store.EraseAnswers)
	a.pruneAll(ctx, at.Add(-keepEnded), a.Store.PruneDevices)
}

// pruneAll deletes batch by batch, so that none of them holds others up.
func (a *Accounts) pruneAll(
	ctx context.Context, before time.Time, batch func(context.Context, time.Time, int) (int, error),
) {
	for ctx.Err() == nil {
		pruned, err := within(ctx, before, batch)
		if err != nil && ctx.Err() == nil {
			a.Log.WarnContext(ctx, "sessions not pruned", "error", err)
		}
		if err != nil || pruned < pruneBatch {
			return
		}
	}
}

func within(
	ctx context.Context, before time.Time, batch func(context.Context, time.Time, int) (int, error),
) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, pruneTimeout)
	defer cancel()
	return batch(ctx, before, pruneBatch)
}
