package auth

import (
	"context"
	"errors"
	"hash/fnv"
	"strconv"
	"sync"
	"time"

	"dreamchat/pkg/problem"
	"dreamchat/pkg/stream"
)

// State is how an account stands, and the session or API key that a caller comes
// with.
type State struct {
	Role Role
	// Suspended is set by an administrator, Deleting by the owner.
	Suspended, Deleting bool
	// Ended tells that the session, or the API key, is no more.
	Ended bool
}

// StandingStore knows how accounts stand.
type StandingStore interface {
	// State is problem.NotFound for an account that does not exist. Of the session
	// and the key, empty ones are not looked at.
	State(ctx context.Context, userID, sessionID, keyID string) (State, error)
}

// Bells wake those who wait for something to change, on every instance.
type Bells interface {
	Ring(ctx context.Context, topic string)
	Listen(topic string) *stream.Listener
}

const (
	// freshness is how long a state is believed that nobody rang for: a ring from
	// another process can be lost.
	freshness = 5 * time.Second
	// staleness is how long it is believed while the database is away.
	staleness = AccessLifetime
	// The accounts are divided, so that a ring, which carries nothing, is for few
	// of them.
	divisions = 64
	// maxStates bounds what is remembered of a division.
	maxStates = 4096
)

// Standing tells whether those whose credentials are good may still do what these
// say: an account may be suspended or deleted, a session ended, a role changed,
// while tokens are out that know nothing of it. It takes effect at once where the
// bells are heard, and within five seconds everywhere. Fill the fields, run Run;
// Check and Changed are safe for concurrent use.
type Standing struct {
	Store StandingStore
	Bells Bells

	states [divisions]states
	// heard is rung once what was known is forgotten, so that who hears it looks
	// anew.
	heard stream.Bells
}

// credential is what a caller is known by.
type credential struct {
	userID, sessionID, keyID string
}

type remembered struct {
	State
	at time.Time
}

// states are what is known of the accounts of one division.
type states struct {
	mu    sync.Mutex
	known map[credential]remembered
	rings int // how often they were forgotten
}

// Check returns the caller with the role that it has now. It is
// problem.SessionEnded if what the caller came with has ended or the account is
// gone, problem.AccountSuspended, or problem.Unavailable while the database is
// away and nothing is known.
func (s *Standing) Check(ctx context.Context, caller Caller) (Caller, error) {
	by := credential{userID: caller.UserID, sessionID: caller.SessionID}
	if caller.Key != nil {
		by.keyID = caller.Key.ID
	}
	state, err := s.state(ctx, by)
	switch {
	case errors.Is(err, problem.NotFound), err == nil && state.Deleting:
		return Caller{}, problem.SessionEnded.New("The account does not exist any more.")
	case err != nil:
		return Caller{}, err
	case state.Ended:
		return Caller{}, problem.SessionEnded.New("The session has ended. Log in again.")
	case state.Suspended:
		return Caller{}, problem.AccountSuspended.New("The account is suspended.")
	}
	if caller.Key == nil {
		caller.Role = state.Role
	}
	return caller, nil
}

// Changed has every instance look again how an account stands. It never waits.
func (s *Standing) Changed(ctx context.Context, userID string) {
	number := division(userID)
	s.forget(ctx, number)
	s.Bells.Ring(ctx, topic(number))
}

// Listen hears when an account may stand otherwise than before, and now and then
// for no reason. The caller closes the listener.
func (s *Standing) Listen(userID string) *stream.Listener {
	return s.heard.Listen(topic(division(userID)))
}

// Run hears what other instances change, until ctx is done.
func (s *Standing) Run(ctx context.Context) error {
	var hearing sync.WaitGroup
	for number := range divisions {
		hearing.Go(func() { s.hear(ctx, number) })
	}
	hearing.Wait()
	return nil
}

func (s *Standing) hear(ctx context.Context, number int) {
	bell := s.Bells.Listen(topic(number))
	defer bell.Close()
	for {
		select {
		case <-bell.C:
			s.forget(ctx, number)
		case <-ctx.Done():
			return
		}
	}
}

func (s *Standing) forget(ctx context.Context, number int) {
	s.states[number].forget()
	s.heard.Ring(ctx, topic(number))
}

func (s *Standing) state(ctx context.Context, by credential) (State, error) {
	states := &s.states[division(by.userID)]
	known, rings := states.find(by)
	age := time.Since(known.at)
	if age < freshness {
		return known.State, nil
	}
	state, err := s.Store.State(ctx, by.userID, by.sessionID, by.keyID)
	if errors.Is(err, problem.Unavailable) && age < staleness {
		return known.State, nil
	}
	if err == nil {
		states.keep(by, state, rings)
	}
	return state, err
}

func (s *states) find(by credential) (remembered, int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.known[by], s.rings
}

// keep remembers what was read, unless it may have changed since.
func (s *states) keep(by credential, state State, rings int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rings != rings {
		return
	}
	if s.known == nil || len(s.known) >= maxStates {
		s.known = make(map[credential]remembered)
	}
	s.known[by] = remembered{State: state, at: time.Now()}
}

func (s *states) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rings++
	s.known = nil
}

// division is the same on every instance.
func division(userID string) int {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(userID)) // it never fails
	return int(hash.Sum32() % divisions)
}

func topic(division int) string { return "standing:" + strconv.Itoa(division) }
