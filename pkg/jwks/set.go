// Package jwks keeps the public keys of an issuer of tokens, which publishes them
// as a JWK Set (RFC 7517) at an address. It knows HTTP and no tokens.
package jwks

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/problem"
)

const (
	// apart is the least time between two calls for keys that are not known.
	apart = time.Minute
	// patience is how long a token with such a key waits for a call under way.
	patience = 3 * time.Second
	// After a failed call the next comes after a pause, which grows.
	firstPause = 5 * time.Second
	lastPause  = time.Minute

	defaultEvery = time.Hour
)

// Set is the keys of one issuer, as they were when it was last reached: while it
// is away, they stay as they are for ever. Run keeps them up to date; Key is safe
// for concurrent use.
type Set struct {
	// Every is about how often the keys are fetched: an hour, if zero.
	Every time.Duration

	url    string
	client *http.Client
	log    *slog.Logger

	keys atomic.Pointer[map[string]auth.VerificationKey] // nil until they were fetched
	bell chan struct{}

	mu     sync.Mutex
	asked  time.Time     // when a call was last made for a key that is not known
	flight chan struct{} // closed at the end of the call under way, nil without one
}

// New returns the set at an http or https address, which is empty until Run has
// fetched it. What goes wrong with that goes to the log.
func New(url string, transport http.RoundTripper, log *slog.Logger) *Set {
	return &Set{
		url:    url,
		client: &http.Client{Transport: transport, CheckRedirect: checkRedirect, Timeout: fetchTime},
		log:    log,
		bell:   make(chan struct{}, 1),
		flight: make(chan struct{}), // Run begins with a call
	}
}

// Key finds a key by its name ("kid"). If it is not there the issuer is asked, once
// a minute at most however many ask for whatever keys, and the call is waited for,
// but not for long. A key that is not there then is problem.TokenKeyUnknown; before
// the issuer was reached for the first time it is problem.Unavailable.
func (s *Set) Key(ctx context.Context, id string) (auth.VerificationKey, error) {
	key, found := s.find(id)
	if flight := s.ask(found); flight != nil {
		s.wait(ctx, flight)
		key, found = s.find(id)
	}
	switch {
	case found:
		return key, nil
	case s.keys.Load() == nil:
		return key, problem.Unavailable.New("The keys of the token's issuer cannot be fetched. Try again in a moment.")
	default:
		return key, problem.TokenKeyUnknown.New("The token names a key that its issuer does not have.")
	}
}

func (s *Set) find(id string) (auth.VerificationKey, bool) {
	keys := s.keys.Load()
	if keys == nil {
		return auth.VerificationKey{}, false
	}
	key, found := (*keys)[id]
	return key, found
}

// ask returns the call to wait for, if there is one.
func (s *Set) ask(found bool) <-chan struct{} {
	if found {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flight == nil && time.Since(s.asked) >= apart {
		s.asked, s.flight = time.Now(), make(chan struct{})
		s.bell <- struct{}{} // begin has emptied it
	}
	return s.flight
}

func (s *Set) wait(ctx context.Context, flight <-chan struct{}) {
	late := time.NewTimer(patience)
	defer late.Stop()
	select {
	case <-flight:
	case <-late.C:
	case <-ctx.Done():
	}
}

// Run fetches the keys at once and then again and again, until ctx is done.
func (s *Set) Run(ctx context.Context) error {
	for pause := firstPause; ; {
		wait := s.every()
		if err := s.refresh(ctx); err == nil {
			pause = firstPause
		} else if ctx.Err() == nil {
			s.log.WarnContext(ctx, "keys of an issuer not fetched", "url", s.url, "error", err)
			wait, pause = jitter(pause), min(2*pause, lastPause)
		}
		next := time.NewTimer(wait)
		select {
		case <-s.bell:
		case <-next.C:
		case <-ctx.Done():
			next.Stop()
			return nil
		}
		next.Stop()
	}
}

func (s *Set) every() time.Duration {
	if s.Every == 0 {
		return jitter(defaultEvery)
	}
	return jitter(s.Every)
}

// jitter keeps instances that start together from calling together.
func jitter(pause time.Duration) time.Duration {
	return pause - pause/10 + rand.N(pause/5+1) //nolint:gosec // nothing secret
}

// refresh replaces all keys, so that one that was taken out is known no longer.
func (s *Set) refresh(ctx context.Context) error {
	s.begin()
	defer s.end()
	keys, err := s.fetch(ctx)
	if err != nil {
		return err
	}
	s.keys.Store(&keys)
	return nil
}

func (s *Set) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flight == nil {
		s.flight = make(chan struct{})
	}
	select {
	case <-s.bell:
	default:
	}
}

func (s *Set) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.flight)
	s.flight = nil
}
