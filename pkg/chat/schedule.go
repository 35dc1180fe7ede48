package chat

import (
	"context"
	"time"
)

const (
	// syncLease is longer than a sync takes, so that the next try after one that
	// failed, or whose server has ended, comes that much later.
	syncLease = 5 * time.Minute
	// syncLook is how often an instance looks at most whether a sync is due.
	syncLook = time.Minute
)

// Run syncs each provider once in Every, on one of all instances at a time, until
// ctx is done. Without Every it does nothing.
func (c *Catalogue) Run(ctx context.Context) error {
	if c.Every == 0 {
		return nil
	}
	ticker := time.NewTicker(min(c.Every, syncLook))
	defer ticker.Stop()
	for {
		for _, provider := range c.Providers() {
			c.syncIfDue(ctx, provider)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func (c *Catalogue) syncIfDue(ctx context.Context, provider string) {
	ctx, cancel := context.WithTimeout(ctx, syncLease)
	defer cancel()
	work := "models of " + provider
	due, err := c.Leases.TakeLease(ctx, work, c.Owner, syncLease)
	if err == nil && due {
		_, err = c.sync(ctx, provider)
		if err == nil {
			err = c.Leases.ExtendLease(ctx, work, c.Owner, c.Every)
		}
	}
	if err != nil && ctx.Err() == nil {
		c.Log.WarnContext(ctx, "models not brought in", "provider", provider, "error", err)
	}
}
