package relay

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// maxLookups bounds the reads of one round trip.
const maxLookups = 256

// lookup is a read of what follows an event of an answer's stream.
type lookup struct {
	messageID string
	after     int
	found     chan result // takes one
}

type result struct {
	entries []redis.XMessage
	err     error
}

// look returns the entries that follow an event, maxEntries at most.
func (r *Relay) look(ctx context.Context, messageID string, after int) ([]redis.XMessage, error) {
	wanted := lookup{messageID: messageID, after: after, found: make(chan result, 1)}
	select {
	case r.lookups <- wanted:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	select {
	case found := <-wanted.found:
		return found.entries, found.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// read makes the lookups of all, until ctx is done. While one round trip is under
// way those for the next one gather: a thousand streams neither make a thousand of
// them nor wait for each other's connections.
func (r *Relay) read(ctx context.Context) {
	for {
		select {
		case first := <-r.lookups:
			r.readBatch(ctx, r.gather(first))
		case <-ctx.Done():
			return
		}
	}
}

func (r *Relay) gather(first lookup) []lookup {
	batch := []lookup{first}
	for len(batch) < maxLookups {
		select {
		case next := <-r.lookups:
			batch = append(batch, next)
		default:
			return batch
		}
	}
	return batch
}

// readBatch makes one round trip.
func (r *Relay) readBatch(ctx context.Context, batch []lookup) {
	pipe := r.client.Pipeline()
	replies := make([]*redis.XMessageSliceCmd, 0, len(batch))
	for _, wanted := range batch {
		replies = append(replies, pipe.XRangeN(ctx, keys(wanted.messageID)[1], behind(wanted.after), "+", maxEntries))
	}
	_, _ = pipe.Exec(ctx) // each reply has its error
	for i, wanted := range batch {
		entries, err := replies[i].Result()
		wanted.found <- result{entries, err}
	}
}
