package api

import (
	"context"
	"sync"
	"time"
)

const (
	// checkTimeout bounds how long one part is asked, and checkEvery how long its
	// answer is told: anybody may ask us, and must not make us ask as often.
	checkTimeout = 2 * time.Second
	checkEvery   = time.Second
)

// Check tells whether one part of the service can be reached.
type Check struct {
	Name string
	// Needed marks a part without which no request can be answered.
	Needed bool
	Ping   func(ctx context.Context) error
}

// probe is a check that all who want to know it share.
type probe struct {
	Check

	mu   sync.Mutex // held while the part is asked: who comes then waits for that
	at   time.Time
	last error
}

// ping returns what the part answered at most checkEvery ago.
func (p *probe) ping(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.at.IsZero() && time.Since(p.at) < checkEvery {
		return p.last
	}
	// The answer is for others too, who stay when this one leaves.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTimeout)
	defer cancel()
	p.last = p.Ping(ctx)
	p.at = time.Now()
	return p.last
}

func probesOf(checks []Check) []*probe {
	probes := make([]*probe, len(checks))
	for i, check := range checks {
		probes[i] = &probe{Check: check}
	}
	return probes
}
