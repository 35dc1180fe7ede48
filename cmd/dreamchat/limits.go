package main

import (
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"dreamchat/pkg/api"
	"dreamchat/pkg/auth"
	"dreamchat/pkg/limit"
)

// maxLimit is the largest quota: beyond it a microsecond more or less counts.
const maxLimit = 1_000_000

// guessPeriod is what wrong logins are counted in.
const guessPeriod = 15 * time.Minute

// limits are how much callers may do; 0 is no limit.
type limits struct {
	User         int `env:"LIMIT_USER" envDefault:"3000"`
	Address      int `env:"LIMIT_ADDRESS" envDefault:"30000"`
	LoginAccount int `env:"LIMIT_LOGIN_ACCOUNT" envDefault:"10"`
	LoginAddress int `env:"LIMIT_LOGIN_ADDRESS" envDefault:"100"`
	Generations  int `env:"LIMIT_GENERATIONS" envDefault:"3"`
	Sends        int `env:"LIMIT_SENDS" envDefault:"300"`
}

func (l limits) check(wrong *complaints) {
	for name, limit := range map[string]int{
		"LIMIT_USER": l.User, "LIMIT_ADDRESS": l.Address,
		"LIMIT_LOGIN_ACCOUNT": l.LoginAccount, "LIMIT_LOGIN_ADDRESS": l.LoginAddress,
		"LIMIT_GENERATIONS": l.Generations, "LIMIT_SENDS": l.Sends,
	} {
		wrong.must(limit >= 0 && limit <= maxLimit, name, "must be from 1 to 1000000, or 0 for no limit")
	}
}

func (l limits) requests(counter auth.Counter) api.Limits {
	return api.Limits{
		Counter: counter,
		User:    auth.Rate{Quota: l.User, Period: time.Minute},
		Address: auth.Rate{Quota: l.Address, Period: time.Minute},
	}
}

func (l limits) guesses(counter auth.Counter) auth.Guesses {
	return auth.Guesses{
		Counter: counter,
		Account: auth.Rate{Quota: l.LoginAccount, Period: guessPeriod},
		Address: auth.Rate{Quota: l.LoginAddress, Period: guessPeriod},
	}
}

// openLimiter counts in Redis, if there is one, or here.
func openLimiter(set settings, log *slog.Logger, caches *caches) (*limit.Limiter, error) {
	return limit.New(limit.Config{
		Redis:       caches.redis,
		Log:         log,
		OnShared:    caches.metrics.LimitsShared,
		Generations: set.Limits.Generations,
		Sends:       auth.Rate{Quota: set.Limits.Sends, Period: time.Minute},
	})
}

// checkProxies reads the networks, or single addresses, of trusted proxies.
func (s *settings) checkProxies(wrong *complaints) []netip.Prefix {
	var proxies []netip.Prefix
	for _, text := range s.TrustedProxies {
		text = strings.TrimSpace(text)
		if one, err := netip.ParseAddr(text); err == nil {
			proxies = append(proxies, netip.PrefixFrom(one.WithZone(""), one.BitLen()))
			continue
		}
		proxy, err := netip.ParsePrefix(text)
		wrong.must(err == nil, "TRUSTED_PROXIES", "must be networks such as 10.0.0.0/8, separated by commas")
		proxies = append(proxies, proxy)
	}
	return proxies
}
