package store_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/id"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/store"
	"dreamchat/pkg/store/storetest"
)

func newToken(userID, hash string) auth.RefreshToken {
	return auth.RefreshToken{
		ID: id.New(), FamilyID: id.New(), UserID: userID, Hash: hash,
		ExpiresAt: at(100), CreatedAt: at(0),
	}
}

func addToken(t *testing.T, s *store.Store, hash string) auth.RefreshToken {
	t.Helper()
	token := newToken(storetest.User(t, s, "user-"+id.New()).ID, hash)
	if err := s.AddRefreshToken(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	return token
}

func TestRotationKeepsTheFamily(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		first := addToken(t, s, "one")
		next := newToken("ignored", "two")
		got, err := s.RotateRefreshToken(t.Context(), "one", next, at(1))
		if err != nil {
			t.Fatal(err)
		}
		next.FamilyID, next.UserID = first.FamilyID, first.UserID
		next.CreatedAt, next.ExpiresAt = stored(next.CreatedAt), stored(next.ExpiresAt)
		wantEqual(t, got, next)
		if _, err := s.RotateRefreshToken(t.Context(), "two", newToken("", "three"), at(2)); err != nil {
			t.Errorf("the next one: %v", err)
		}
	})
}

func TestReuseEndsTheFamily(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		addToken(t, s, "one")
		addToken(t, s, "of another")
		rotate := func(hash, next string) error {
			_, err := s.RotateRefreshToken(t.Context(), hash, newToken("", next), at(1))
			return err
		}
		if err := rotate("one", "two"); err != nil {
			t.Fatal(err)
		}
		wantKind(t, rotate("one", "stolen"), problem.InvalidCredentials)
		wantKind(t, rotate("two", "three"), problem.InvalidCredentials)
		if err := rotate("of another", "fine"); err != nil {
			t.Errorf("another family: %v", err)
		}
	})
}

func TestTokensThatAreRefused(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		addToken(t, s, "revoked")
		addToken(t, s, "expiring")
		if err := s.RevokeFamily(t.Context(), "revoked", at(1)); err != nil {
			t.Fatal(err)
		}
		if err := s.RevokeFamily(t.Context(), "unknown", at(1)); err != nil {
			t.Errorf("an unknown token: %v", err)
		}
		for hash, seconds := range map[string]int{"revoked": 2, "unknown": 2, "expiring": 100} {
			_, err := s.RotateRefreshToken(t.Context(), hash, newToken("", "next"), at(seconds))
			wantKind(t, err, problem.InvalidCredentials)
		}
		if _, err := s.RotateRefreshToken(t.Context(), "expiring", newToken("", "next"), at(99)); err != nil {
			t.Errorf("just in time: %v", err)
		}
	})
}

func TestRaceForOneTokenHasOneWinner(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		addToken(t, s, "one")
		var won atomic.Int32
		var winner atomic.Value
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				next := newToken("", id.New())
				if _, err := s.RotateRefreshToken(t.Context(), "one", next, at(1)); err == nil {
					won.Add(1)
					winner.Store(next.Hash)
				} else {
					wantKind(t, err, problem.InvalidCredentials)
				}
			})
		}
		all.Wait()
		if won.Load() != 1 {
			t.Fatalf("%d of 50 succeeded", won.Load())
		}
		_, err := s.RotateRefreshToken(t.Context(), winner.Load().(string), newToken("", id.New()), at(2))
		wantKind(t, err, problem.InvalidCredentials) // the losers ended the family
	})
}

// A thief may rotate the stolen token's successors while its reuse is found out.
func TestNoTokenSurvivesItsFamily(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for range 20 {
			hash := id.New()
			addToken(t, s, hash)
			last := id.New()
			if _, err := s.RotateRefreshToken(t.Context(), hash, newToken("", last), at(1)); err != nil {
				t.Fatal(err)
			}
			var all sync.WaitGroup
			all.Go(func() {
				for range 5 {
					next := id.New()
					if _, err := s.RotateRefreshToken(t.Context(), last, newToken("", next), at(2)); err != nil {
						return
					}
					last = next
				}
			})
			all.Go(func() {
				_, err := s.RotateRefreshToken(t.Context(), hash, newToken("", id.New()), at(2))
				wantKind(t, err, problem.InvalidCredentials)
			})
			all.Wait()
			_, err := s.RotateRefreshToken(t.Context(), last, newToken("", id.New()), at(3))
			wantKind(t, err, problem.InvalidCredentials)
		}
	})
}
