package chat

import (
	"context"
	"log/slog"
	"strconv"
	"time"
)

// ChangeStore keeps the feeds of accounts. Changes are written with what they
// tell of, in one transaction, and never by themselves.
type ChangeStore interface {
	// Changes returns what the feed of an account holds after a number, oldest
	// first.
	Changes(ctx context.Context, userID string, after int64, limit int) ([]Change, error)
	// NewestChange returns the number of the newest change, whether it is still
	// kept or not; 0 for none. No such account is problem.NotFound.
	NewestChange(ctx context.Context, userID string) (int64, error)
	// PruneChanges deletes the oldest changes from before a time, at most limit,
	// and returns how many it deleted.
	PruneChanges(ctx context.Context, before time.Time, limit int) (int, error)
}

const (
	// changeBatch bounds what one read returns.
	changeBatch = 100
	pruneEvery  = time.Minute
	pruneBatch  = 1000
)

// Changes lets an account follow what happens to it, from every device and on
// every instance. Fill the fields, run Run, then use Follow, which is safe for
// concurrent use.
type Changes struct {
	Store ChangeStore
	Bells Bells
	Log   *slog.Logger
	// Retention is how long a change is kept.
	Retention time.Duration

	readers readers // by account
}

// Follow finds where a reader goes on in the feed of its account. The cursor is
// the number of the last change that it has, or empty. The caller closes the
// reader. More than MaxFeedReaders of one account are problem.TooMany; no such
// account is problem.NotFound.
func (c *Changes) Follow(ctx context.Context, userID, cursor string) (*ChangeReader, error) {
	leave, err := c.readers.enter(userID, MaxFeedReaders)
	if err != nil {
		return nil, err
	}
	reader := &ChangeReader{
		store:  c.Store,
		userID: userID,
		// Before the look at what is there: what comes after that rings.
		bell: c.Bells.Listen(feedTopic(userID)),
	}
	reader.leave = func() {
		reader.bell.Close()
		leave()
	}
	if err := reader.seek(ctx, cursor); err != nil {
		reader.Close()
		return nil, err
	}
	return reader, nil
}

// Run deletes changes that are older than Retention until ctx is done.
func (c *Changes) Run(ctx context.Context) error {
	tick := time.NewTicker(pruneEvery)
	defer tick.Stop()
	for {
		c.prune(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (c *Changes) prune(ctx context.Context) {
	before := now().Add(-c.Retention)
	for ctx.Err() == nil {
		pruned, err := c.pruneBatch(ctx, before)
		if err != nil && ctx.Err() == nil {
			c.Log.WarnContext(ctx, "changes not pruned", "error", err)
		}
		if err != nil || pruned < pruneBatch {
			return
		}
	}
}

func (c *Changes) pruneBatch(ctx context.Context, before time.Time) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, saveTimeout)
	defer cancel()
	return c.Store.PruneChanges(ctx, before, pruneBatch)
}

func feedTopic(userID string) string { return "feed:" + userID }

// parseChangeID reads the number of a change.
func parseChangeID(text string) (int64, bool) {
	seq, err := strconv.ParseUint(text, 10, 63)
	return int64(seq), err == nil
}
