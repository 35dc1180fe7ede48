package chat

import (
	"context"
	"time"
)

// DeletionStore deletes accounts, part by part, so that no transaction is large.
// A database that is away is problem.Unavailable.
type DeletionStore interface {
	// BeginDeletion marks an account. No such account is problem.NotFound, one that
	// is marked already no error.
	BeginDeletion(ctx context.Context, userID string, now time.Time) error
	// Deletions returns the accounts that are marked, at most limit.
	Deletions(ctx context.Context, limit int) ([]string, error)
	// RunningOf returns the running answers of an account.
	RunningOf(ctx context.Context, userID string) ([]string, error)
	// MessagesOf returns the ids of messages of an account, at most limit.
	MessagesOf(ctx context.Context, userID string, limit int) ([]string, error)
	// DeleteMessages deletes those of the messages that belong to the account.
	DeleteMessages(ctx context.Context, userID string, ids []string) error
	// DeleteBelongings deletes, of a marked account, at most limit rows of each kind
	// but messages, and tells whether there are more.
	DeleteBelongings(ctx context.Context, userID string, limit int) (more bool, err error)
	// DeleteAccount deletes a marked account with what may be left of it. One that is
	// gone is no error.
	DeleteAccount(ctx context.Context, userID string) error
}

const (
	deletionBatch = 200
	// deletionTimeout bounds what the database may take for a part.
	deletionTimeout = 10 * time.Second
	// haltTimeout is how long answers that are being made may take to end. One whose
	// server was killed, or stands still, does not, and is deleted as it is: nothing
	// can be added to it then.
	haltTimeout = 5 * time.Second
	haltEvery   = 20 * time.Millisecond
)

// delete removes an account. What is shared goes before the row by which the rest
// would be found again, should this process be killed.
func (d *Deletions) delete(ctx context.Context, userID string) error {
	stopped, err := d.halt(ctx, userID)
	if err != nil {
		return err
	}
	streams := forgetting{by: d.Generations}
	for more := true; more; {
		if more, err = d.deleteSome(ctx, userID, &streams); err != nil {
			return err
		}
	}
	streams.forget(ctx, stopped)
	if err := d.forgetLists(ctx, userID); err != nil {
		d.Log.WarnContext(ctx, "lists of a deleted account are left to expire", "account", userID, "error", err)
	}
	if streams.failed != nil {
		d.Log.WarnContext(ctx, "streams of a deleted account are left to expire", "account", userID, "error", streams.failed)
	}
	return within(ctx, func(ctx context.Context) error { return d.Store.DeleteAccount(ctx, userID) })
}

// halt ends the answers that are being made and waits for that.
func (d *Deletions) halt(ctx context.Context, userID string) (stopped []string, err error) {
	if err := d.Generations.Halt(ctx, userID); err != nil {
		return nil, err
	}
	late := time.After(haltTimeout)
	tick := time.NewTicker(haltEvery)
	defer tick.Stop()
	for {
		var running []string
		err := within(ctx, func(ctx context.Context) (err error) {
			running, err = d.Store.RunningOf(ctx, userID)
			return err
		})
		stopped = append(stopped, running...)
		if err != nil || len(running) == 0 {
			return stopped, err
		}
		select {
		case <-tick.C:
		case <-late:
			d.Log.WarnContext(ctx, "answers of a deleted account did not end", "account", userID, "answers", len(running))
			return stopped, nil
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// deleteSome tells whether there is more to delete.
func (d *Deletions) deleteSome(ctx context.Context, userID string, streams *forgetting) (more bool, err error) {
	err = within(ctx, func(ctx context.Context) error {
		ids, err := d.Store.MessagesOf(ctx, userID, deletionBatch)
		if err != nil {
			return err
		}
		if more = len(ids) > 0; more {
			streams.forget(ctx, ids)
			return d.Store.DeleteMessages(ctx, userID, ids)
		}
		more, err = d.Store.DeleteBelongings(ctx, userID, deletionBatch)
		return err
	})
	return more, err
}

func (d *Deletions) forgetLists(ctx context.Context, userID string) error {
	ctx, cancel := context.WithTimeout(ctx, deletionTimeout)
	defer cancel()
	return d.Lists.Forget(ctx, userID)
}

// within bounds one step of a deletion.
func within(ctx context.Context, step func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, deletionTimeout)
	defer cancel()
	return step(ctx)
}

// forgetting drops streams until it fails: what is left expires by itself, and
// nobody waits for it twice.
type forgetting struct {
	by     *Generations
	failed error
}

func (f *forgetting) forget(ctx context.Context, messageIDs []string) {
	if f.failed == nil && len(messageIDs) > 0 {
		f.failed = f.by.forget(ctx, messageIDs...)
	}
}
