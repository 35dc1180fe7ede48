package limit

import (
	"context"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/chat"
)

// maxCallers bounds the counts that are kept: addresses can be made up. When
// there are more, those used least are forgotten.
const maxCallers = 200_000

// Process is a Store in the memory of this process. It never fails. It must be
// closed.
type Process struct {
	start time.Time

	mu sync.Mutex // a count is read and written as one
	// full is when all of a quota is there again, in microseconds since start.
	full  *otter.Cache[string, int64]
	slots map[string]map[string]time.Time // by user and name, when their leases end
}

var _ Store = (*Process)(nil)

// NewProcess returns a Process that has counted nothing yet.
func NewProcess() (*Process, error) {
	p := &Process{start: time.Now(), slots: make(map[string]map[string]time.Time)}
	full, err := otter.New(&otter.Options[string, int64]{
		MaximumSize: maxCallers,
		ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[string, int64]) time.Duration {
			return time.Duration(e.Value-p.now())*time.Microsecond + time.Second
		}),
	})
	p.full = full
	return p, err
}

// Close forgets everything and ends the goroutine that clears up.
func (p *Process) Close() error {
	p.full.InvalidateAll()
	p.full.StopAllGoroutines()
	return nil
}

func (p *Process) now() int64 { return time.Since(p.start).Microseconds() }

// Take takes under a lock.
func (p *Process) Take(_ context.Context, counts []auth.Count) ([]auth.Tally, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, fits := p.now(), true
	tallies := make([]auth.Tally, len(counts))
	ends := make([]int64, len(counts))
	for i, count := range counts {
		each := interval(count.Rate)
		full := max(p.read(count), now)
		wait := max(full+each-now-each*int64(count.Quota), 0)
		ends[i], tallies[i] = full+each, tally(count, full-now, wait)
		fits = fits && wait == 0
	}
	if !fits {
		return tallies, nil
	}
	for i, count := range counts {
		p.full.Set(entry(count.Scope, count.Of), ends[i])
		tallies[i] = tally(count, ends[i]-now, 0)
	}
	return tallies, nil
}

// Give gives back under the lock.
func (p *Process) Give(_ context.Context, counts []auth.Count) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, count := range counts {
		full := p.read(count) - interval(count.Rate)
		if full > p.now() {
			p.full.Set(entry(count.Scope, count.Of), full)
		} else {
			p.full.Invalidate(entry(count.Scope, count.Of))
		}
	}
	return nil
}

func (p *Process) read(count auth.Count) int64 {
	full, _ := p.full.GetIfPresent(entry(count.Scope, count.Of))
	return full
}

// entry is what is kept under in the process.
func entry(scope, of string) string { return scope + "\x00" + of }

// Enter takes the slot, if there is room among those whose leases last.
func (p *Process) Enter(_ context.Context, slot chat.Slot, most int, lease time.Duration) (Entry, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.sweep(slot.UserID, now)
	taken := p.slots[slot.UserID]
	if _, there := taken[slot.Name]; there {
		return There, nil
	}
	if len(taken) >= most {
		return Full, nil
	}
	p.hold(slot, now.Add(lease))
	return Fresh, nil
}

// Keep holds the slots for longer, and forgets those that nobody has kept.
func (p *Process) Keep(_ context.Context, slots []chat.Slot, lease time.Duration) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for _, slot := range slots {
		p.hold(slot, now.Add(lease))
	}
	for userID := range p.slots {
		p.sweep(userID, now)
	}
	return nil
}

// Leave frees the slots.
func (p *Process) Leave(_ context.Context, slots []chat.Slot) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, slot := range slots {
		delete(p.slots[slot.UserID], slot.Name)
		p.sweep(slot.UserID, time.Now())
	}
	return nil
}

func (p *Process) hold(slot chat.Slot, until time.Time) {
	if p.slots[slot.UserID] == nil {
		p.slots[slot.UserID] = make(map[string]time.Time)
	}
	p.slots[slot.UserID][slot.Name] = until
}

// sweep forgets the slots of a user whose leases have ended.
func (p *Process) sweep(userID string, now time.Time) {
	taken := p.slots[userID]
	for name, until := range taken {
		if !now.Before(until) {
			delete(taken, name)
		}
	}
	if len(taken) == 0 {
		delete(p.slots, userID)
	}
}
