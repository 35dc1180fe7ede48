// Package limit counts what callers do, in Redis or in the process: how often
// ([auth.Counter]), and how many answers of a user are made at a time
// ([chat.Limits]).
//
// Instances that share a Redis count together, with one round trip for all that a
// request counts as: a script takes from all of them or from none. (redis_rate
// has a round trip for each, and takes from the first before it knows of the
// second.) It counts by the generic cell rate algorithm, one number for each
// caller: a full quota can be used at once and comes back evenly.
//
// Each instance also counts by itself what it is asked, with the same rules, and goes
// on with that while Redis is away, as an installation without Redis always does: an
// outage, however short, gives nobody a second quota here, and nobody is refused for
// it.
package limit

import (
	"context"
	"log/slog"
	"time"

	"github.com/redis/go-redis/v9"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/chat"
)

// callTimeout bounds what must reach Redis even if the caller has gone.
const callTimeout = time.Second

// Store counts. What it is asked is done as a whole or not at all, also if others
// ask at the same time. Implementations are safe for concurrent use.
type Store interface {
	// Take takes one of each count, if each has one, and tells how they stand.
	Take(ctx context.Context, counts []auth.Count) ([]auth.Tally, error)
	// Give gives back what was taken; no count ever has more than its quota.
	Give(ctx context.Context, counts []auth.Count) error
	// Enter takes a slot for the lease, unless as many others of its user are taken.
	// One that is taken already stays as it is.
	Enter(ctx context.Context, slot chat.Slot, most int, lease time.Duration) (Entry, error)
	// Keep takes the slots, or holds them for longer, however many there are.
	Keep(ctx context.Context, slots []chat.Slot, lease time.Duration) error
	// Leave frees the slots. One that is not taken is no error.
	Leave(ctx context.Context, slots []chat.Slot) error
}

// Entry is what became of a slot that was asked for.
type Entry int

// The entries.
const (
	Full  Entry = iota // there is no room
	Fresh              // it is taken now
	There              // it was taken before
)

// Config is what is counted where.
type Config struct {
	// Redis is shared with other instances; nil for none. The caller closes it.
	Redis *redis.Client
	Log   *slog.Logger
	// OnShared is told whether all instances count together, at first and whenever
	// that changes; nil tells nobody.
	OnShared func(shared bool)
	// Generations is how many answers of a user are made at a time, and Sends how
	// often a user may ask for one; 0 is no limit.
	Generations int
	Sends       auth.Rate
	// Lease is how long a slot stays taken that nobody keeps: 15 s if zero.
	Lease time.Duration
}

const defaultLease = 15 * time.Second

// Limiter counts in Redis, or in the process while that is away. It must be
// closed. Its methods are safe for concurrent use.
type Limiter struct {
	config   Config
	shared   Store // nil without Redis
	local    *Process
	refusals *refusals
	breaker  breaker
}

var (
	_ auth.Counter = (*Limiter)(nil)
	_ chat.Limits  = (*Limiter)(nil)
)

// New returns a Limiter. It does not connect yet.
func New(config Config) (*Limiter, error) {
	if config.Lease == 0 {
		config.Lease = defaultLease
	}
	if config.OnShared == nil {
		config.OnShared = func(bool) {}
	}
	local, err := NewProcess()
	if err != nil {
		return nil, err
	}
	remembered, err := newRefusals()
	if err != nil {
		return nil, err
	}
	l := &Limiter{config: config, local: local, refusals: remembered}
	if config.Redis != nil {
		l.shared = &Redis{Client: config.Redis}
	}
	config.OnShared(l.shared != nil)
	return l, nil
}

// Close forgets everything that is counted in the process.
func (l *Limiter) Close() error {
	l.refusals.close()
	return l.local.Close()
}

// Take implements [auth.Counter].
func (l *Limiter) Take(ctx context.Context, counts ...auth.Count) (tallies []auth.Tally, ok bool) {
	for _, count := range counts {
		if tally, refused := l.Refused(count.Scope, count.Of); refused {
			tallies = append(tallies, tally)
		}
	}
	if tallies != nil {
		return tallies, false
	}
	tallies, _ = l.local.Take(ctx, counts) // it never fails
	if l.remember(tallies) {
		return tallies, false
	}
	shared := l.call(ctx, func(ctx context.Context) (err error) {
		together, err := l.shared.Take(ctx, counts)
		if err == nil {
			tallies = together
		}
		return err
	})
	if shared && l.remember(tallies) {
		_ = l.local.Give(ctx, counts) // as above
		return tallies, false
	}
	return tallies, true
}

// remember notes who was refused, and tells whether anybody was.
func (l *Limiter) remember(tallies []auth.Tally) (refused bool) {
	for _, tally := range tallies {
		if tally.Wait > 0 {
			l.refusals.add(tally)
			refused = true
		}
	}
	return refused
}

// Give implements [auth.Counter].
func (l *Limiter) Give(ctx context.Context, counts ...auth.Count) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	_ = l.local.Give(ctx, counts) // it never fails
	l.call(ctx, func(ctx context.Context) error { return l.shared.Give(ctx, counts) })
	for _, count := range counts {
		l.refusals.remove(count)
	}
}

// Refused implements [auth.Counter].
func (l *Limiter) Refused(scope, of string) (auth.Tally, bool) {
	return l.refusals.find(scope, of)
}

// call does something in Redis, if that is there, and tells whether it was done.
func (l *Limiter) call(ctx context.Context, do func(context.Context) error) (done bool) {
	if l.shared == nil || !l.breaker.allows() {
		return false
	}
	err := do(ctx)
	l.note(ctx, err)
	return err == nil
}

// note tells once when Redis goes away, and once when it is back.
func (l *Limiter) note(ctx context.Context, err error) {
	switch l.breaker.note(err) {
	case opened:
		l.config.Log.WarnContext(ctx, "limits are counted by each instance", "error", err)
		l.config.OnShared(false)
	case closed:
		l.config.Log.InfoContext(ctx, "limits are counted together again")
		l.config.OnShared(true)
	case unchanged:
	}
}
