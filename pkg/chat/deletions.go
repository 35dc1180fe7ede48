package chat

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"dreamchat/pkg/problem"
)

const (
	// deletionsEvery is how often accounts are looked for whose deletion nobody goes
	// on with.
	deletionsEvery = 5 * time.Second
	// deletionsListed bounds the accounts that one look finds, deletionsAtOnce those
	// that are deleted at once.
	deletionsListed = 1000
	deletionsAtOnce = 4
)

// Standing has every instance look again how an account stands.
type Standing interface {
	Changed(ctx context.Context, userID string)
}

// Deletions removes accounts with all that they hold, here and in what is shared
// with other instances. Once an account is marked its deletion goes on whatever
// happens to who asked for it, and any instance finishes what another one left.
// Fill the fields, run Run, then use Delete, which is safe for concurrent use.
type Deletions struct {
	Store       DeletionStore
	Generations *Generations
	Lists       ListCache
	Standing    Standing
	Log         *slog.Logger

	mu   sync.Mutex
	jobs map[string]*job // by the account
	// signals makes the channels that follow: due has a value when there may be a job
	// to begin, ended is closed once Run has returned.
	signals    sync.Once
	due, ended chan struct{}
}

// job is the deletion of one account.
type job struct {
	begun bool
	done  chan struct{}
}

// Delete marks an account, so that nobody is let in for it any more and nothing is
// begun, and waits until it is gone: then its email and username are free. If ctx is
// done first, or problem.Unavailable tells that this server ends, the deletion goes
// on. No such account is problem.NotFound.
func (d *Deletions) Delete(ctx context.Context, userID string) error {
	if err := d.mark(ctx, userID); err != nil {
		return err
	}
	d.makeSignals()
	done := d.job(userID).done
	select {
	case d.due <- struct{}{}:
	default:
	}
	select {
	case <-done:
		return nil
	case <-d.ended:
		return problem.Unavailable.New("The server is shutting down. The deletion goes on without it.")
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// mark works on if the caller leaves: what was asked for is done.
func (d *Deletions) mark(ctx context.Context, userID string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
	defer cancel()
	err := d.Store.BeginDeletion(ctx, userID, now())
	d.Standing.Changed(ctx, userID)
	return err
}

// Run deletes accounts until ctx is done: those that are marked here, and those
// whose deletion was left.
func (d *Deletions) Run(ctx context.Context) error {
	d.makeSignals()
	defer close(d.ended)
	var working sync.WaitGroup
	defer working.Wait()
	turns := make(chan struct{}, deletionsAtOnce)
	ticker := time.NewTicker(deletionsEvery)
	defer ticker.Stop()
	for {
		d.find(ctx)
		for _, userID := range d.begin() {
			working.Go(func() { d.work(ctx, turns, userID) })
		}
		select {
		case <-d.due:
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// find makes a job of each account that is marked.
func (d *Deletions) find(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	marked, err := d.Store.Deletions(ctx, deletionsListed)
	if err != nil {
		d.Log.WarnContext(ctx, "accounts to delete not read", "error", err)
	}
	for _, userID := range marked {
		d.job(userID)
	}
}

func (d *Deletions) work(ctx context.Context, turns chan struct{}, userID string) {
	select {
	case turns <- struct{}{}:
		defer func() { <-turns }()
	case <-ctx.Done():
		return
	}
	err := d.delete(ctx, userID)
	switch {
	case err == nil:
		d.Log.InfoContext(ctx, "account deleted", "account", userID)
	case ctx.Err() == nil:
		d.Log.WarnContext(ctx, "account not deleted yet", "account", userID, "error", err)
	}
	d.end(userID, err == nil)
}

// job finds or makes the job of an account.
func (d *Deletions) job(userID string) *job {
	d.mu.Lock()
	defer d.mu.Unlock()
	found := d.jobs[userID]
	if found == nil {
		found = &job{done: make(chan struct{})}
		if d.jobs == nil {
			d.jobs = make(map[string]*job)
		}
		d.jobs[userID] = found
	}
	return found
}

// begin returns the accounts whose job is to begin.
func (d *Deletions) begin() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var begun []string
	for userID, job := range d.jobs {
		if !job.begun {
			job.begun = true
			begun = append(begun, userID)
		}
	}
	return begun
}

// end takes a job away that is done. Another one begins anew when accounts are
// looked for.
func (d *Deletions) end(userID string, done bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	job := d.jobs[userID]
	job.begun = false
	if done {
		close(job.done)
		delete(d.jobs, userID)
	}
}

func (d *Deletions) makeSignals() {
	d.signals.Do(func() { d.due, d.ended = make(chan struct{}, 1), make(chan struct{}) })
}
