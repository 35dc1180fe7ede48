package cache

import (
	"context"
	"strings"
	"time"

	"github.com/maypok86/otter/v2"
)

// ProcessBytes is the usual size of a Process.
const ProcessBytes = 64 << 20

// entryBytes is roughly what the process pays for an entry besides its bytes.
const entryBytes = 128

// Process is a Store in the memory of this process, for an installation of one
// instance: others do not see what it holds. It is never away. When it is full
// the entries used least make room.
type Process struct {
	entries *otter.Cache[string, entry]
}

type entry struct {
	value []byte
	ttl   time.Duration
}

// NewProcess returns a Process of about maxBytes, which is not zero. It must be
// closed.
func NewProcess(maxBytes uint64) (*Process, error) {
	entries, err := otter.New(&otter.Options[string, entry]{
		MaximumWeight: maxBytes,
		Weigher: func(key string, e entry) uint32 {
			return uint32(len(key) + len(e.value) + entryBytes) //nolint:gosec // bounded by MaxValue
		},
		ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[string, entry]) time.Duration {
			return e.Value.ttl
		}),
	})
	if err != nil {
		return nil, err
	}
	return &Process{entries: entries}, nil
}

// Get returns the values that are there.
func (p *Process) Get(_ context.Context, keys ...string) ([][]byte, error) {
	values := make([][]byte, len(keys))
	for i, key := range keys {
		if found, ok := p.entries.GetIfPresent(key); ok {
			values[i] = found.value
		}
	}
	return values, nil
}

// Set keeps a value.
func (p *Process) Set(_ context.Context, key string, value []byte, ttl time.Duration) error {
	if err := checkSet(value, ttl); err != nil {
		return err
	}
	p.entries.Set(key, entry{value: value, ttl: ttl})
	return nil
}

// Claim keeps a value where there is none.
func (p *Process) Claim(_ context.Context, key string, value []byte, ttl time.Duration) ([]byte, error) {
	if err := checkSet(value, ttl); err != nil {
		return nil, err
	}
	stands, _ := p.entries.SetIfAbsent(key, entry{value: value, ttl: ttl})
	return stands.value, nil
}

// DeletePrefix forgets every key that begins like this.
func (p *Process) DeletePrefix(_ context.Context, prefix string) error {
	for key := range p.entries.Keys() {
		if strings.HasPrefix(key, prefix) {
			p.entries.Invalidate(key)
		}
	}
	return nil
}

// Ping never fails.
func (p *Process) Ping(context.Context) error { return nil }

// Close forgets everything and ends the goroutine that clears up.
func (p *Process) Close() error {
	p.entries.InvalidateAll()
	p.entries.StopAllGoroutines()
	return nil
}
