package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// redisTime is what Redis has used of processors, in seconds, by its own account.
func (l *lab) redisTime(ctx context.Context) (float64, error) {
	options, err := redis.ParseURL(l.redisURL)
	if err != nil {
		return 0, fmt.Errorf("the address of Redis: %w", err)
	}
	client := redis.NewClient(options)
	defer func() { _ = client.Close() }() // nothing is lost with it
	info, err := client.Info(ctx, "cpu").Result()
	if err != nil {
		return 0, fmt.Errorf("ask Redis for its CPU time: %w", err)
	}
	return parseInfo(info)
}

// parseInfo adds the seconds in Redis's own code and in the kernel's.
func parseInfo(info string) (float64, error) {
	sum := 0.0
	for _, name := range []string{"used_cpu_user:", "used_cpu_sys:"} {
		_, value, found := strings.Cut("\n"+info, "\n"+name)
		if !found {
			return 0, fmt.Errorf("redis does not tell %s", name)
		}
		value, _, _ = strings.Cut(value, "\n")
		seconds, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil {
			return 0, fmt.Errorf("redis tells of %s %w", name, err)
		}
		sum += seconds
	}
	return sum, nil
}
