package limit

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/chat"
)

// Redis is a Store that every instance shares. Only the server's clock counts.
type Redis struct {
	Client *redis.Client
}

const (
	// prefix keeps our keys apart from those of others in the same database.
	prefix = "dreamchat:limit:"
	// hashBytes is what is kept of a hash: who shares one would share a quota.
	hashBytes = 16
)

// key is what is stored under. It tells nobody whose it is.
func key(scope, of string) string {
	sum := sha256.Sum256([]byte(scope + "\x00" + of))
	return prefix + scope + ":" + base64.RawURLEncoding.EncodeToString(sum[:hashBytes])
}

// Take takes by one script.
func (r *Redis) Take(ctx context.Context, counts []auth.Count) ([]auth.Tally, error) {
	keys, args := countKeys(counts)
	reply, err := take.Run(ctx, r.Client, keys, args...).Int64Slice()
	if err != nil {
		return nil, fmt.Errorf("limit: take in Redis: %w", err)
	}
	if len(reply) != 2*len(counts) {
		return nil, fmt.Errorf("limit: take in Redis: %d numbers for %d counts", len(reply), len(counts))
	}
	tallies := make([]auth.Tally, len(counts))
	for i, count := range counts {
		tallies[i] = tally(count, reply[2*i], reply[2*i+1])
	}
	return tallies, nil
}

// Give gives back by one script.
func (r *Redis) Give(ctx context.Context, counts []auth.Count) error {
	keys, args := countKeys(counts)
	if err := give.Run(ctx, r.Client, keys, args...).Err(); err != nil {
		return fmt.Errorf("limit: give back in Redis: %w", err)
	}
	return nil
}

func countKeys(counts []auth.Count) (keys []string, args []any) {
	for _, count := range counts {
		keys = append(keys, key(count.Scope, count.Of))
		args = append(args, interval(count.Rate), count.Quota)
	}
	return keys, args
}

// Enter takes the slot by one script.
func (r *Redis) Enter(ctx context.Context, slot chat.Slot, most int, lease time.Duration) (Entry, error) {
	entry, err := enter.Run(ctx, r.Client, []string{key(scopeGenerations, slot.UserID)}, slot.Name, most, lease.Milliseconds()).Int()
	if err != nil {
		return Full, fmt.Errorf("limit: take a slot in Redis: %w", err)
	}
	return Entry(entry), nil
}

// Keep keeps all slots by one script.
func (r *Redis) Keep(ctx context.Context, slots []chat.Slot, lease time.Duration) error {
	keys, args := slotKeys(slots)
	if err := keep.Run(ctx, r.Client, keys, append(args, lease.Milliseconds())...).Err(); err != nil {
		return fmt.Errorf("limit: keep slots in Redis: %w", err)
	}
	return nil
}

// Leave frees all slots by one script.
func (r *Redis) Leave(ctx context.Context, slots []chat.Slot) error {
	keys, args := slotKeys(slots)
	if err := leave.Run(ctx, r.Client, keys, args...).Err(); err != nil {
		return fmt.Errorf("limit: free slots in Redis: %w", err)
	}
	return nil
}

func slotKeys(slots []chat.Slot) (keys []string, args []any) {
	for _, slot := range slots {
		keys = append(keys, key(scopeGenerations, slot.UserID))
		args = append(args, slot.Name)
	}
	return keys, args
}
