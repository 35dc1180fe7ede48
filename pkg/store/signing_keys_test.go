package store_test

import (
	"context"
	"errors"
	"reflect"
	"strconv"
	"sync"
	"testing"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/store"
	"dreamchat/pkg/store/storetest"
)

// signingKey is the n-th key; it retires at that second, never at 0.
func signingKey(n, retires int) auth.SigningKey {
	key := auth.SigningKey{ID: "key " + strconv.Itoa(n), Sealed: []byte{0, 1, 255}, CreatedAt: stored(at(n)), SignsAt: stored(at(n + 1))}
	if retires > 0 {
		key.RetiresAt = new(stored(at(retires)))
	}
	return key
}

func storeSigningKeys(ctx context.Context, s *store.Store, keys ...auth.SigningKey) error {
	return s.ChangeSigningKeys(ctx, func([]auth.SigningKey) ([]auth.SigningKey, error) { return keys, nil })
}

func wantSigningKeys(t *testing.T, s *store.Store, want ...auth.SigningKey) {
	t.Helper()
	got, err := s.SigningKeys(t.Context())
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("stored are %+v, %v, want %+v", got, err, want)
	}
}

func TestSigningKeysAreReplacedAndPruned(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		root := signingKey(1, 100)
		root.Sealed = nil
		older, current := signingKey(2, 200), signingKey(3, 0)
		if err := storeSigningKeys(t.Context(), s, older, root); err != nil {
			t.Fatal(err)
		}
		err := s.ChangeSigningKeys(t.Context(), func(stored []auth.SigningKey) ([]auth.SigningKey, error) {
			if !reflect.DeepEqual(stored, []auth.SigningKey{older, root}) {
				t.Errorf("to be changed are %+v", stored)
			}
			return []auth.SigningKey{root, current, older}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		wantSigningKeys(t, s, current, older, root)
		for second, want := range map[int][]auth.SigningKey{99: {current, older, root}, 100: {current, older}, 1000: {current}} {
			if err := storeSigningKeys(t.Context(), s, current, older, root); err != nil {
				t.Fatal(err)
			}
			if err := s.PruneSigningKeys(t.Context(), at(second)); err != nil {
				t.Fatal(err)
			}
			wantSigningKeys(t, s, want...)
		}
	})
}

func TestSigningKeysStayWhenAChangeFails(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		key := signingKey(1, 0)
		if err := storeSigningKeys(t.Context(), s, key); err != nil {
			t.Fatal(err)
		}
		why := errors.New("not now")
		err := s.ChangeSigningKeys(t.Context(), func([]auth.SigningKey) ([]auth.SigningKey, error) { return nil, why })
		if !errors.Is(err, why) {
			t.Errorf("the error is %v", err)
		}
		if err := storeSigningKeys(t.Context(), s, signingKey(2, 0), signingKey(3, 0)); err == nil {
			t.Error("two keys are the current one")
		}
		wantSigningKeys(t, s, key)
	})
}

func TestChangesOfSigningKeysWaitForEachOther(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		const changes = 8
		var all sync.WaitGroup
		for n := range changes {
			all.Go(func() {
				err := s.ChangeSigningKeys(t.Context(), func(stored []auth.SigningKey) ([]auth.SigningKey, error) {
					for i := range stored {
						stored[i].RetiresAt = new(at(1000))
					}
					return append(stored, signingKey(n, 0)), nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if keys, err := s.SigningKeys(t.Context()); err != nil || len(keys) != changes || keys[0].RetiresAt != nil || keys[1].RetiresAt == nil {
			t.Errorf("stored are %+v, %v", keys, err)
		}
	})
}
