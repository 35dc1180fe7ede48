package relay

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// Forget leaves nothing of the streams of answers.
func (r *Relay) Forget(ctx context.Context, messageIDs ...string) error {
	forgotten := make(chan error, 1)
	r.call(func(ctx context.Context, pipe redis.Pipeliner) {
		replies := make([]*redis.IntCmd, len(messageIDs))
		for i, id := range messageIDs {
			replies[i] = pipe.Unlink(ctx, keys(id)...)
		}
		// It is called for the next batch, when the replies to this one are there.
		r.call(func(context.Context, redis.Pipeliner) { forgotten <- failed(replies) })
	})
	select {
	case err := <-forgotten:
		return err
	case <-ctx.Done():
		return fmt.Errorf("relay: forget streams: %w", context.Cause(ctx))
	}
}

// failed is the first failure among the replies.
func failed(replies []*redis.IntCmd) error {
	for _, reply := range replies {
		if err := reply.Err(); err != nil {
			return err
		}
	}
	return nil
}
