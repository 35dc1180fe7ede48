package limit

import (
	"time"

	"github.com/maypok86/otter/v2"

	"dreamchat/pkg/auth"
)

const (
	// maxRefused bounds the callers that are remembered.
	maxRefused = 100_000
	// longestMemory is how long a refusal is believed: what was taken may be given
	// back elsewhere.
	longestMemory = 5 * time.Second
)

// refusals remember who was refused and is to wait.
type refusals struct {
	until *otter.Cache[string, refusal]
}

type refusal struct {
	tally auth.Tally
	at    time.Time
}

func newRefusals() (*refusals, error) {
	until, err := otter.New(&otter.Options[string, refusal]{
		MaximumSize: maxRefused,
		ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[string, refusal]) time.Duration {
			return e.Value.memory()
		}),
	})
	return &refusals{until: until}, err
}

func (r *refusals) close() {
	r.until.InvalidateAll()
	r.until.StopAllGoroutines()
}

func (f *refusal) memory() time.Duration { return min(f.tally.Wait, longestMemory) }

func (r *refusals) add(tally auth.Tally) {
	found := refusal{tally: tally, at: time.Now()}
	r.until.Set(entry(tally.Scope, tally.Of), found)
	if tally.Alias != "" {
		r.until.Set(entry(tally.Scope, tally.Alias), found)
	}
}

func (r *refusals) remove(count auth.Count) {
	r.until.Invalidate(entry(count.Scope, count.Of))
}

// find returns a refusal as it stands now.
func (r *refusals) find(scope, of string) (auth.Tally, bool) {
	found, ok := r.until.GetIfPresent(entry(scope, of))
	if !ok {
		return auth.Tally{}, false
	}
	passed := time.Since(found.at)
	if passed >= found.memory() {
		return auth.Tally{}, false
	}
	found.tally.Wait -= passed
	found.tally.Reset -= passed
	return found.tally, true
}
