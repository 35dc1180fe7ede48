package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"dreamchat/pkg/api"
	"dreamchat/pkg/auth"
	"dreamchat/pkg/cache"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/jwks"
	"dreamchat/pkg/limit"
	"dreamchat/pkg/metrics"
	"dreamchat/pkg/relay"
	"dreamchat/pkg/store"
)

const (
	modelsTTL = 5 * time.Minute
	// retryPause is about how long a model is left alone that failed, and retryLimit
	// how long one answer waits for that in all.
	retryPause = 500 * time.Millisecond
	retryLimit = 20 * time.Second
	// settleDelay is how long OpenRouter gets to count what an answer took before it
	// is asked. With the pauses it is asked for about a day.
	settleDelay    = 3 * time.Second
	settleEvery    = 2 * time.Second
	settlePause    = 5 * time.Second
	settleMaxPause = 2 * time.Hour
	settleTries    = 22
	// linger is how long a client of the AI SDK that dropped before the end of an
	// answer may come back for it. Others are told it again needlessly meanwhile.
	linger = 5 * time.Minute
	// saveMargin is what requests get beyond the grace of the answers that they
	// wait for.
	saveMargin = 7 * time.Second
)

// caches are what is kept of the database for a while, in Redis or here.
type caches struct {
	store interface {
		cache.Store
		io.Closer
		Ping(ctx context.Context) error
	}
	models  *cache.Value[[]chat.Model]
	lists   *cache.Versioned
	metrics *metrics.Metrics
	// redis is what others may use of the store's connections; nil without Redis.
	redis   *redis.Client
	limiter *limit.Limiter
	// streams join the instances, if Redis is there to do so.
	streams chat.Streams
	// relay is what must run for that.
	relay func(ctx context.Context) error
}

func openCaches(set settings, log *slog.Logger, counted *metrics.Metrics) (*caches, error) {
	opened := &caches{metrics: counted}
	if err := opened.open(set, log); err != nil {
		return nil, err
	}
	opened.models = &cache.Value[[]chat.Model]{Versioned: cache.Versioned{
		Store: opened.store, Name: "models", TTL: modelsTTL, Count: counted.Lookup,
	}}
	opened.lists = &cache.Versioned{Store: opened.store, Name: "conversations", Count: counted.Lookup}
	var err error
	opened.limiter, err = openLimiter(set, log, opened)
	return opened, err
}

// Close forgets what is kept here, and closes the connections.
func (c *caches) Close() error { return errors.Join(c.limiter.Close(), c.store.Close()) }

func (c *caches) open(set settings, log *slog.Logger) error {
	if set.RedisURL == "" {
		process, err := cache.NewProcess(cache.ProcessBytes)
		c.store, c.streams = process, new(chat.Alone)
		c.relay = func(context.Context) error { return nil }
		return err
	}
	server, err := cache.NewRedis(set.RedisURL, log)
	if err != nil {
		return err
	}
	joined := relay.New(server.Client(), log)
	c.store, c.streams, c.relay = server, joined, joined.Run
	c.redis = server.Client()
	return nil
}

type service struct {
	server      *api.Server
	generations *chat.Generations
	changes     *chat.Changes
	settlements *chat.Settlements
	// keys are those of other issuers of tokens.
	keys  []*jwks.Set
	slots *chat.Slots
}

func wire(set settings, log *slog.Logger, db *store.Store, keys *auth.SigningKeys, caches *caches) service {
	tokens := &auth.Tokens{Keys: keys, Issuer: set.issuer()}
	models := &chat.Models{Store: db, Cache: caches.models, Providers: set.providers(caches.metrics), Default: set.DefaultModel, Fallbacks: set.Fallbacks}
	notify := chat.Notifier{Lists: caches.lists, Bells: caches.streams}
	budgets := &chat.Budgets{Store: db, Default: set.budget()}
	ledger := &chat.Ledger{Store: db, Budgets: budgets, Settlers: settlers(models.Providers), Delay: settleDelay, Log: log}
	slots := &chat.Slots{Limits: caches.limiter}
	generations := &chat.Generations{
		Store:    db,
		Messages: db,
		Talks:    db,
		Models:   models,
		Ledger:   ledger,
		Notify:   notify,
		Streams:  caches.streams,
		Slots:    slots,
		Log:      log,
		Owner:    set.instance(),
		Grace:    set.ShutdownGrace,
		OnFinish: caches.metrics.Finished,
		Titles:   set.Titles,
		Retries:  chat.Retries{Tries: set.Tries, Pause: retryPause, Limit: retryLimit},
	}
	others, theirs := set.issuers(log)
	standing := &auth.Standing{Store: db, Bells: caches.streams}
	changes := &chat.Changes{Store: db, Bells: caches.streams, Log: log, Retention: set.FeedRetention}
	server := &api.Server{
		Accounts: &auth.Accounts{
			Store: db, Passwords: auth.NewPasswords(0), Tokens: tokens, Standing: standing, Log: log,
			RefreshGrace: set.RefreshGrace, Work: generations, Cursors: keys.Root().Derive("account cursors"),
			Guesses: set.Limits.guesses(caches.limiter),
		},
		Tokens:    tokens,
		Tickets:   &auth.Tickets{Tokens: tokens, Claims: caches.store},
		APIKeys:   auth.NewAPIKeys(db, standing, log),
		Issuers:   &auth.Issuers{Tokens: tokens, Others: others, Store: db, Standing: standing},
		Standing:  standing,
		Models:    models,
		Catalogue: set.catalogue(db, models, log),
		Conversations: &chat.Conversations{
			Store: db, Models: models, Lists: caches.lists, Notify: notify, Generations: generations,
		},
		Messages:    &chat.Messages{Store: db, Cursors: keys.Root().Derive("message cursors")},
		Generations: generations,
		Completions: &chat.Completions{
			Models: models, Ledger: ledger, Log: log, Slots: slots, Retries: generations.Retries,
			OnFinish: caches.metrics.Finished,
		},
		Changes: changes,
		Deletions: &chat.Deletions{
			Store: db, Generations: generations, Lists: caches.lists, Standing: standing, Log: log,
		},
		Budgets: budgets,
		Usage:   db,
		Export:  db,
		Limits:  set.Limits.requests(caches.limiter),
		Proxies: set.proxies,
		Checks: []api.Check{
			{Name: "database", Needed: true, Ping: db.Ping},
			{Name: "cache", Ping: caches.store.Ping},
		},
		Log:          log,
		Metrics:      caches.metrics.Registry,
		Origins:      set.CORSOrigins,
		HTTPS:        strings.HasPrefix(strings.ToLower(set.AppURL), "https:"),
		BodyLimit:    set.BodyLimit,
		Heartbeat:    set.Heartbeat,
		WriteTimeout: set.WriteTimeout,
		Linger:       linger,
		Grace:        set.ShutdownGrace + saveMargin,
	}
	settlements := &chat.Settlements{
		Ledger: ledger, Notify: notify, Log: log,
		Every: settleEvery, Pause: settlePause, MaxPause: settleMaxPause, Tries: settleTries,
	}
	return service{server: server, generations: generations, changes: changes, settlements: settlements, keys: theirs, slots: slots}
}
