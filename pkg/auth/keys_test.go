package auth_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/store"
	"dreamchat/pkg/store/storetest"
)

// instance is one that shares its root key and its database with others.
type instance struct {
	*auth.Tokens

	t *testing.T
}

func newInstance(t *testing.T, root *auth.Key, s auth.KeyStore) instance {
	t.Helper()
	return instance{Tokens: &auth.Tokens{Keys: auth.NewSigningKeys(root, s, slog.New(slog.DiscardHandler)), Issuer: issuer}, t: t}
}

func newRoot(t *testing.T) *auth.Key {
	t.Helper()
	root, err := auth.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func (i instance) load() {
	i.t.Helper()
	if err := i.Keys.Load(i.t.Context()); err != nil {
		i.t.Fatal(err)
	}
}

// rotate leaves the former key good for overlap.
func (i instance) rotate(after, overlap time.Duration) auth.KeyRotation {
	i.t.Helper()
	i.Keys.Overlap = overlap
	done, err := i.Keys.Rotate(i.t.Context(), after, false)
	if err != nil {
		i.t.Fatal(err)
	}
	return done
}

func (i instance) issue() string {
	i.t.Helper()
	token, _, err := i.Issue(auth.User{ID: "ann", Role: auth.RoleUser}, "session")
	if err != nil {
		i.t.Fatal(err)
	}
	return token
}

// wants that every token is good here.
func (i instance) wants(tokens ...string) {
	i.t.Helper()
	for n, token := range tokens {
		if caller, err := i.Verify(i.t.Context(), token); err != nil || caller.UserID != "ann" {
			i.t.Errorf("token %d speaks for %+v, %v", n, caller, err)
		}
	}
}

func (i instance) published() (ids []string) {
	for _, key := range i.JWKS().Keys {
		ids = append(ids, key.KeyID)
	}
	return ids
}

func TestKeysTakeOverWhileTokensStayGood(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		root := newRoot(t)
		a, b := newInstance(t, root, s), newInstance(t, root, s)
		first := a.issue()
		done := a.rotate(0, time.Hour)
		if done.Former.ID != root.ID() || done.Former.RetiresAt.Sub(done.Made.SignsAt) != time.Hour {
			t.Errorf("rotated: %+v", done)
		}
		a.load()
		second := a.issue()
		b.wants(first, second) // it asks for the key that it does not know
		third := a.rotate(0, time.Hour).Made.ID
		a.load()
		b.load()
		a.wants(first, second, a.issue(), b.issue())
		b.wants(first, second, a.issue(), b.issue())
		if got := strings.Join(b.published(), " "); got != third+" "+done.Made.ID+" "+root.ID() {
			t.Errorf("published are %s", got)
		}
	})
}

func TestAKeyIsPublishedBeforeItSigns(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		root := newRoot(t)
		a := newInstance(t, root, s)
		made := a.rotate(auth.SignsAfter, 0).Made
		a.load()
		if got := strings.Join(a.published(), " "); got != made.ID+" "+root.ID() {
			t.Errorf("published are %s", got)
		}
		only := newInstance(t, root, nil) // knows the root only
		only.wants(a.issue())
		wantStates(t, a, auth.KeyPublished, auth.KeySigns)
	})
}

func wantStates(t *testing.T, i instance, want ...auth.KeyState) {
	t.Helper()
	list, err := i.Keys.List(t.Context())
	if err != nil || len(list) != len(want) {
		t.Fatalf("listed are %+v, %v", list, err)
	}
	for n, key := range list {
		if key.State != want[n] {
			t.Errorf("key %d is %s, want %s", n, key.State, want[n])
		}
	}
}

func TestRetiredKeysAreRefusedAndDeleted(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		root := newRoot(t)
		a, b := newInstance(t, root, s), newInstance(t, root, s)
		wantStates(t, a, auth.KeySigns)
		old := a.issue()
		a.rotate(0, time.Microsecond)
		b.wants(old) // it has not heard
		b.load()
		if _, err := b.Verify(t.Context(), old); !errors.Is(err, problem.TokenKeyUnknown) {
			t.Errorf("the token of a retired key: %v", err)
		}
		b.wants(b.issue())
		if got := b.published(); len(got) != 1 || got[0] == root.ID() {
			t.Errorf("published are %s", got)
		}
		wantStates(t, a, auth.KeySigns, auth.KeyRetired)

		b.Keys.Every = time.Millisecond
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = b.Keys.Run(ctx) })
		defer running.Wait()
		defer stop()
		wantPruned(t, s)
	})
}

func wantPruned(t *testing.T, s *store.Store) {
	t.Helper()
	deadline, tick := time.After(10*time.Second), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for {
		keys, err := s.SigningKeys(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(keys) == 1 && keys[0].RetiresAt == nil {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("stored are still %+v", keys)
		}
	}
}

func TestOfRotationsAtOnceOneSucceeds(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		root := newRoot(t)
		for round := range 2 {
			var done atomic.Int32
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					_, err := newInstance(t, root, s).Keys.Rotate(t.Context(), time.Hour, false)
					if err == nil {
						done.Add(1)
					} else if !errors.Is(err, problem.Conflict) {
						t.Error(err)
					}
				})
			}
			all.Wait()
			if want := int32(1 - round); done.Load() != want {
				t.Errorf("%d rotations, want %d", done.Load(), want)
			}
		}
	})
}

func TestSigningKeysAreBounded(t *testing.T) {
	a := newInstance(t, newRoot(t), storetest.SQLite(t))
	for range auth.MaxSigningKeys - 1 {
		a.rotate(0, time.Hour)
	}
	if _, err := a.Keys.Rotate(t.Context(), 0, false); !errors.Is(err, problem.Conflict) {
		t.Errorf("one more: %v", err)
	}
}

func TestKeysOfAnotherRootAreSkipped(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		former := newInstance(t, newRoot(t), s)
		former.rotate(0, time.Hour)
		former.load()
		old := former.issue()

		var logged logs
		root := newRoot(t)
		a := newInstance(t, root, s)
		a.Keys = auth.NewSigningKeys(root, s, slog.New(slog.NewTextHandler(&logged, nil)))
		a.load()
		a.load()
		if got := strings.Count(logged.String(), "signing key skipped"); got != 2 {
			t.Errorf("%d warnings, want one of each key:\n%s", got, logged.String())
		}
		a.wants(a.issue())
		if _, err := a.Verify(t.Context(), old); !errors.Is(err, problem.TokenKeyUnknown) {
			t.Errorf("the token of another root: %v", err)
		}
		if _, err := a.Keys.Rotate(t.Context(), 0, false); !errors.Is(err, problem.Conflict) {
			t.Errorf("a rotation over keys of another root: %v", err)
		}
		wantStates(t, a, auth.KeySigns, auth.KeySealed, auth.KeySealed)
		mine := a.issue()
		if _, err := a.Keys.Rotate(t.Context(), 0, true); err != nil {
			t.Fatal(err)
		}
		a.load()
		a.wants(mine, a.issue())
		wantStates(t, a, auth.KeySigns, auth.KeyVerifies)
	})
}

func TestSealedKeysAreBoundToTheirIDs(t *testing.T) {
	s := storetest.SQLite(t)
	a := newInstance(t, newRoot(t), s)
	made := a.rotate(0, time.Hour).Made
	err := s.ChangeSigningKeys(t.Context(), func(keys []auth.SigningKey) ([]auth.SigningKey, error) {
		keys[0].ID = newRoot(t).ID()
		return keys, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	wantStates(t, a, auth.KeySealed, auth.KeySigns)
	a.load()
	for _, id := range a.published() {
		if id == made.ID {
			t.Error("a key is taken under another name")
		}
	}
	a.wants(a.issue())
}

func TestKnownKeysOutliveTheDatabase(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		root := newRoot(t)
		a, b := newInstance(t, root, s), newInstance(t, root, s)
		old := a.issue()
		a.rotate(0, time.Hour)
		a.load()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := a.Keys.Load(t.Context()); !errors.Is(err, problem.Unavailable) {
			t.Errorf("Load: %v", err)
		}
		a.wants(old, a.issue())
		b.wants(old)
		for range 2 { // nobody knows whether there is such a key
			if _, err := b.Verify(t.Context(), a.issue()); !errors.Is(err, problem.Unavailable) {
				t.Errorf("a key that cannot be looked up: %v", err)
			}
		}
	})
}

// counted counts how often the store is asked for its keys, and lets them come
// once all are there who want them.
type counted struct {
	auth.KeyStore

	asked atomic.Int32
	all   *sync.WaitGroup
}

func (c *counted) SigningKeys(ctx context.Context) ([]auth.SigningKey, error) {
	c.asked.Add(1)
	c.all.Wait()
	return c.KeyStore.SigningKeys(ctx)
}

func TestUnknownKeysAskOnce(t *testing.T) {
	root := newRoot(t)
	begun, done := new(sync.WaitGroup), new(sync.WaitGroup)
	s := &counted{KeyStore: storetest.SQLite(t), all: begun}
	a := newInstance(t, root, s)
	stranger := newInstance(t, newRoot(t), nil).issue()
	const requests = 200
	begun.Add(requests)
	first := time.Now()
	for range requests {
		done.Go(func() {
			begun.Done()
			if _, err := a.Verify(t.Context(), stranger); !errors.Is(err, problem.TokenKeyUnknown) {
				t.Errorf("Verify: %v", err)
			}
		})
	}
	done.Wait()
	for range requests { // once in a second, from then on
		if _, err := a.Verify(t.Context(), stranger); !errors.Is(err, problem.TokenKeyUnknown) {
			t.Errorf("Verify: %v", err)
		}
	}
	most := 1 + int32(time.Since(first)/time.Second)
	if got := s.asked.Load(); got < 1 || got > most {
		t.Errorf("the store is asked %d times for %d tokens, want %d at most", got, 2*requests, most)
	}
}

// logs can be read while they are written.
type logs struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logs) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
