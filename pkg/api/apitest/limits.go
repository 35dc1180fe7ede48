package apitest

import (
	"log/slog"
	"net/netip"
	"time"

	"github.com/redis/go-redis/v9"

	"dreamchat/pkg/api"
	"dreamchat/pkg/auth"
	"dreamchat/pkg/cache"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/limit"
	"dreamchat/pkg/metrics"
)

// Limits are how much a service allows: each is a number, 0 for no limit.
type Limits struct {
	User, Address              int // a minute
	LoginAccount, LoginAddress int // in 15 minutes
	Generations                int
	Sends                      int // a minute
	// Lease is how long the slot of an answer stays taken that nobody keeps, and
	// Keep how often the service keeps its own: as in production if zero.
	Lease, Keep time.Duration
	Proxies     []netip.Prefix
}

// DefaultLimits are those of production.
func DefaultLimits() *Limits {
	return &Limits{User: 3000, Address: 30_000, LoginAccount: 10, LoginAddress: 100, Generations: 3, Sends: 300}
}

func perMinute(quota int) auth.Rate { return auth.Rate{Quota: quota, Period: time.Minute} }

func perQuarter(quota int) auth.Rate { return auth.Rate{Quota: quota, Period: 15 * time.Minute} }

// limit sets the limits, together with the instances that share a Redis.
func (s *Service) limit(options Options, generations *chat.Generations, counted *metrics.Metrics) {
	var shared *redis.Client
	if server, ok := options.Cache.(*cache.Redis); ok {
		shared = server.Client()
	}
	set := options.Limits
	limiter, err := limit.New(limit.Config{
		Redis: shared, Log: slog.New(options.Log), Lease: set.Lease, OnShared: counted.LimitsShared,
		Generations: set.Generations, Sends: perMinute(set.Sends),
	})
	if err != nil {
		s.tb.Fatal(err)
	}
	s.tb.Cleanup(func() { _ = limiter.Close() })
	s.slots = &chat.Slots{Limits: limiter, Every: set.Keep}
	generations.Slots, s.Server.Completions.Slots = s.slots, s.slots
	s.Server.Limits = api.Limits{Counter: limiter, User: perMinute(set.User), Address: perMinute(set.Address)}
	s.Server.Accounts.Guesses = auth.Guesses{
		Counter: limiter, Account: perQuarter(set.LoginAccount), Address: perQuarter(set.LoginAddress),
	}
	s.Server.Proxies = set.Proxies
}
