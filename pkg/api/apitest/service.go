package apitest

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"dreamchat/pkg/api"
	"dreamchat/pkg/auth"
	"dreamchat/pkg/cache"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm"
	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/metrics"
	"dreamchat/pkg/relay"
	"dreamchat/pkg/servertest"
	"dreamchat/pkg/store"
	"dreamchat/pkg/store/storetest"
)

// Model is a model of the catalogue that the scripted provider answers for.
const Model = "openai/gpt-4o-mini"

// Service is a whole server in this process: real database, real cache, real
// HTTP, and a scripted model provider. Every exchange is held to the contract.
type Service struct {
	URL      string
	Server   *api.Server
	Router   *llmtest.Router
	Store    *store.Store
	Contract *Contract

	// Settlements may be changed before the server starts.
	Settlements *chat.Settlements

	tb    testing.TB
	relay *relay.Relay // nil without Redis
	slots *chat.Slots
	stop  context.CancelFunc
	done  chan error
}

// Options are what a test may want otherwise.
type Options struct {
	// Store and Cache are what the service runs on: of the test's own if nil.
	Store *store.Store
	Cache Cache
	// Key is the root key: of the service's own if nil. Instances that share their
	// users share it.
	Key *auth.Key
	// Issuers are those whose access tokens are good beside the service's own.
	Issuers []auth.Issuer
	// Log takes what the service logs: nothing if nil.
	Log slog.Handler
	// Change is called before the server starts.
	Change func(*api.Server)
	// Silence is how long the provider may say nothing: 5 s if zero.
	Silence time.Duration
	// Limits are those of production if nil.
	Limits *Limits
	// Budget is for accounts without one of their own: none if zero.
	Budget chat.Budget
}

// Cache is what a service keeps for a while, in the process or in Redis.
type Cache interface {
	cache.Store
	Ping(ctx context.Context) error
}

// Each runs the test on SQLite with the cache in the process, and on PostgreSQL
// with Redis.
func Each(t *testing.T, test func(t *testing.T, service *Service)) {
	t.Helper()
	EachWith(t, Options{}, test)
}

// EachWith is Each for services with these options, whose store and cache it
// sets.
func EachWith(t *testing.T, options Options, test func(t *testing.T, service *Service)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, Start(t, options))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		served := options // the other subtest runs at the same time
		served.Store, served.Cache = storetest.Postgres(t), Redis(t, servertest.Redis(t))
		test(t, Start(t, served))
	})
}

// Redis opens a cache for a test.
func Redis(tb testing.TB, url string) *cache.Redis {
	tb.Helper()
	opened, err := cache.NewRedis(url, slog.New(slog.DiscardHandler))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = opened.Close() })
	return opened
}

// Start runs a service until the end of the test.
func Start(tb testing.TB, options Options) *Service {
	tb.Helper()
	if options.Store == nil {
		options.Store = storetest.SQLite(tb)
	}
	if options.Cache == nil {
		process, err := cache.NewProcess(1 << 20)
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { _ = process.Close() })
		options.Cache = process
	}
	if options.Silence == 0 {
		options.Silence = 5 * time.Second
	}
	if options.Log == nil {
		options.Log = slog.DiscardHandler
	}
	if options.Limits == nil {
		options.Limits = DefaultLimits()
	}
	if options.Key == nil {
		options.Key = Key(tb)
	}
	s := &Service{Router: llmtest.New(tb), Store: options.Store, Contract: LoadContract(tb), tb: tb, done: make(chan error, 1)}
	generations := s.wire(options)
	if options.Change != nil {
		options.Change(s.Server)
	}
	s.run(generations)
	return s
}

// Key makes a signing key.
func Key(tb testing.TB) *auth.Key {
	tb.Helper()
	key, err := auth.NewKey()
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func (s *Service) wire(options Options) *chat.Generations {
	counted := metrics.New()
	log := slog.New(api.LogHandler{Handler: options.Log})
	lists := &cache.Versioned{Store: options.Cache, Name: "conversations", Count: counted.Lookup}
	tokens := &auth.Tokens{Keys: auth.NewSigningKeys(options.Key, s.Store, log), Issuer: "test"}
	transport := llm.NewTransport()
	s.tb.Cleanup(transport.CloseIdleConnections)
	models := &chat.Models{
		Store: s.Store,
		Cache: &cache.Value[[]chat.Model]{Versioned: cache.Versioned{Store: options.Cache, Name: "models", TTL: time.Minute, Count: counted.Lookup}},
		Providers: chat.Providers{
			"demo": llm.Demo{}.Client(),
			"openrouter": &llm.Client{
				BaseURL: s.Router.URL, Key: "secret-key", OpenRouter: true,
				HTTP: &http.Client{Transport: transport}, Silence: options.Silence,
			},
		},
		Default: Model,
	}
	streams := s.streams(options.Cache)
	notify := chat.Notifier{Lists: lists, Bells: streams}
	ledger := &chat.Ledger{
		Store: s.Store, Log: log, Delay: 10 * time.Millisecond, Budgets: &chat.Budgets{Store: s.Store, Default: options.Budget},
		Settlers: map[string]chat.Settler{"openrouter": models.Providers["openrouter"].(*llm.Client)},
	}
	generations := &chat.Generations{
		Ledger: ledger,
		Store:  s.Store, Messages: s.Store, Talks: s.Store, Models: models, Notify: notify, Streams: streams, Log: log,
		Owner: s.tb.Name(), Grace: time.Second, OnFinish: counted.Finished, Titles: true,
	}
	standing := &auth.Standing{Store: s.Store, Bells: streams}
	s.Server = &api.Server{
		Accounts: &auth.Accounts{
			Store: s.Store, Passwords: auth.NewPasswords(2), Tokens: tokens, Standing: standing, Log: log,
			RefreshGrace: 10 * time.Second, Work: generations, Cursors: options.Key.Derive("account cursors"),
		},
		Tokens:   tokens,
		Tickets:  &auth.Tickets{Tokens: tokens, Claims: options.Cache},
		APIKeys:  auth.NewAPIKeys(s.Store, standing, log),
		Issuers:  &auth.Issuers{Tokens: tokens, Others: options.Issuers, Store: s.Store, Standing: standing},
		Standing: standing,
		Models:   models,
		Catalogue: &chat.Catalogue{
			Store: s.Store, Cache: models.Cache, Log: log, Leases: s.Store, Owner: s.tb.Name(),
			Listers: map[string]chat.ModelLister{"openrouter": models.Providers["openrouter"].(*llm.Client)},
		},
		Conversations: &chat.Conversations{
			Store: s.Store, Models: models, Lists: lists, Notify: notify, Generations: generations,
		},
		Messages:    &chat.Messages{Store: s.Store, Cursors: options.Key.Derive("cursors")},
		Generations: generations,
		Completions: &chat.Completions{Models: models, Ledger: ledger, Log: log, OnFinish: counted.Finished},
		Changes:     &chat.Changes{Store: s.Store, Bells: streams, Log: log, Retention: time.Hour},
		Deletions: &chat.Deletions{
			Store: s.Store, Generations: generations, Lists: lists, Standing: standing, Log: log,
		},
		Budgets: ledger.Budgets,
		Usage:   s.Store,
		Export:  s.Store,
		Checks: []api.Check{
			{Name: "database", Needed: true, Ping: s.Store.Ping},
			{Name: "cache", Ping: options.Cache.Ping},
		},
		Log:          log,
		Metrics:      counted.Registry,
		Origins:      []string{"https://app.example"},
		BodyLimit:    1 << 20,
		Heartbeat:    15 * time.Second,
		WriteTimeout: 30 * time.Second,
		Linger:       5 * time.Minute,
		Grace:        10 * time.Second,
	}
	s.limit(options, generations, counted)
	s.Settlements = &chat.Settlements{
		Ledger: ledger, Notify: notify, Log: log,
		Every: 50 * time.Millisecond, Pause: 20 * time.Millisecond, MaxPause: time.Second, Tries: 10,
	}
	return generations
}

// streams joins the instances that share a Redis.
func (s *Service) streams(shared Cache) chat.Streams {
	server, ok := shared.(*cache.Redis)
	if !ok {
		return new(chat.Alone)
	}
	s.relay = relay.New(server.Client(), slog.New(slog.DiscardHandler))
	return s.relay
}

func (s *Service) run(generations *chat.Generations) {
	if err := s.Server.Tokens.Keys.Load(context.Background()); err != nil {
		s.tb.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.tb.Fatal(err)
	}
	s.URL = "http://" + listener.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	s.stop = cancel
	group, running := errgroup.WithContext(ctx)
	group.Go(func() error { return s.Server.Run(running, listener) })
	relaying, last := context.WithCancel(context.Background())
	group.Go(func() error {
		defer last()
		return generations.Run(running)
	})
	if s.relay != nil {
		group.Go(func() error { return s.relay.Run(relaying) })
	}
	group.Go(func() error { return s.Server.Changes.Run(running) })
	group.Go(func() error { return s.Server.Tokens.Keys.Run(relaying) })
	group.Go(func() error { return s.Server.Deletions.Run(running) })
	group.Go(func() error { return s.Settlements.Run(running) })
	group.Go(func() error { return s.Server.Accounts.Run(running) })
	group.Go(func() error { return s.slots.Run(relaying) })
	group.Go(func() error { return s.Server.APIKeys.Run(relaying) })
	group.Go(func() error { return s.Server.Standing.Run(relaying) })
	go func() {
		s.done <- group.Wait()
		close(s.done)
	}()
	s.tb.Cleanup(s.Stop)
}

// Shutdown begins what SIGTERM begins and does not wait for its end.
func (s *Service) Shutdown() { s.stop() }

// Stop shuts the service down and waits for its end.
func (s *Service) Stop() {
	s.stop()
	if err := <-s.done; err != nil {
		s.tb.Errorf("the service ended with: %v", err)
	}
}
