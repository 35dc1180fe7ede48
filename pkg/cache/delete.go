package cache

import (
	"context"
	"fmt"
	"strings"
)

// scanned is about how many keys one call looks at.
const scanned = 1000

// DeletePrefix forgets every key that begins like this: by SCAN, so that Redis
// serves others meanwhile.
func (r *Redis) DeletePrefix(ctx context.Context, begin string) error {
	pattern := literal.Replace(prefix+begin) + "*"
	for cursor := uint64(0); ; {
		err := r.breaker.call(func() error {
			keys, next, err := r.client.Scan(ctx, cursor, pattern, scanned).Result()
			if err == nil && len(keys) > 0 {
				err = r.client.Unlink(ctx, keys...).Err()
			}
			cursor = next
			return err
		})
		if err != nil {
			return fmt.Errorf("cache: delete in Redis: %w", err)
		}
		if cursor == 0 {
			return nil
		}
	}
}

// literal escapes what has a meaning in a pattern.
//
//nolint:gochecknoglobals // a constant
var literal = strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`, "]", `\]`)
