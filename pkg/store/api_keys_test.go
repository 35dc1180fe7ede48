package store_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/id"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/store"
	"dreamchat/pkg/store/storetest"
)

func newAPIKey(userID, hash string, seconds int) auth.APIKey {
	return auth.APIKey{
		ID: id.New(), UserID: userID, Name: "Editor", Prefix: "dck_ABCDEF", Hash: hash,
		Scopes:    []auth.Scope{auth.ScopeChat, auth.ScopeRead},
		ExpiresAt: at(seconds + 100), CreatedAt: at(seconds),
	}
}

func addAPIKey(t *testing.T, s *store.Store, userID, hash string, seconds int) auth.APIKey {
	t.Helper()
	key := newAPIKey(userID, hash, seconds)
	if err := s.CreateAPIKey(t.Context(), key, 2); err != nil {
		t.Fatal(err)
	}
	key.CreatedAt, key.ExpiresAt = stored(key.CreatedAt), stored(key.ExpiresAt)
	return key
}

func TestAPIKeysOfAUser(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		user, other := storetest.User(t, s, "user").ID, storetest.User(t, s, "other").ID
		first, second := addAPIKey(t, s, user, "one", 1), addAPIKey(t, s, user, "two", 2)
		listed, err := s.APIKeys(t.Context(), user)
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, listed, []auth.APIKey{second, first})
		byHash, err := s.APIKeyByHash(t.Context(), "one")
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, byHash, first)
		_, err = s.APIKeyByHash(t.Context(), "three")
		wantKind(t, err, problem.NotFound)
		wantKind(t, s.DeleteAPIKey(t.Context(), other, first.ID), problem.NotFound)
		wantKind(t, s.DeleteAPIKey(t.Context(), user, id.New()), problem.NotFound)
		if err := s.DeleteAPIKey(t.Context(), user, first.ID); err != nil {
			t.Fatal(err)
		}
		_, err = s.APIKeyByHash(t.Context(), "one")
		wantKind(t, err, problem.NotFound)
		wantKind(t, s.CreateAPIKey(t.Context(), newAPIKey(id.New(), "nobody's", 1), 2), problem.NotFound)
	})
}

func TestAPIKeysThatExpiredMakeRoom(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		user := storetest.User(t, s, "user").ID
		addAPIKey(t, s, user, "one", 1)
		kept := addAPIKey(t, s, user, "two", 2)
		wantKind(t, s.CreateAPIKey(t.Context(), newAPIKey(user, "three", 100), 2), problem.Conflict)
		latest := addAPIKey(t, s, user, "three", 101)
		listed, err := s.APIKeys(t.Context(), user)
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, listed, []auth.APIKey{latest, kept})
	})
}

func TestAPIKeyIsTouchedForwards(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		key := addAPIKey(t, s, storetest.User(t, s, "user").ID, "one", 1)
		for _, step := range []struct{ now, since, want int }{{10, 0, 10}, {20, 9, 10}, {30, 10, 30}, {25, 5, 30}} {
			if err := s.TouchAPIKey(t.Context(), key.ID, at(step.now), at(step.since)); err != nil {
				t.Fatal(err)
			}
			got, err := s.APIKeyByHash(t.Context(), "one")
			if err != nil || got.LastUsedAt == nil || !got.LastUsedAt.Equal(stored(at(step.want))) {
				t.Errorf("after %+v: %+v, %v", step, got.LastUsedAt, err)
			}
		}
		if err := s.TouchAPIKey(t.Context(), id.New(), at(1), at(0)); err != nil {
			t.Errorf("an unknown key: %v", err)
		}
	})
}

func TestAPIKeysThatAreMadeAtOnceAreCounted(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		for range 10 {
			user := storetest.User(t, s, "user-"+id.New()).ID
			var made atomic.Int32
			var all sync.WaitGroup
			for range 8 {
				all.Go(func() {
					err := s.CreateAPIKey(t.Context(), newAPIKey(user, id.New(), 1), 1)
					if err == nil {
						made.Add(1)
					} else if !errors.Is(err, problem.Conflict) {
						t.Error(err)
					}
				})
			}
			all.Wait()
			if made.Load() != 1 {
				t.Fatalf("%d keys were made", made.Load())
			}
		}
	})
}
