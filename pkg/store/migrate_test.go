package store_test

import (
	"math"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"dreamchat/pkg/servertest"
	"dreamchat/pkg/store"
	"dreamchat/pkg/store/storetest"
)

const versions = 17

// eachEmpty runs the test on a database of each dialect without a schema.
func eachEmpty(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { test(t, "sqlite:"+filepath.Join(t.TempDir(), "new", "dreamchat.db")) })
	t.Run("postgres", func(t *testing.T) { test(t, servertest.Postgres(t)) })
}

func TestMigrationsGoUpAndDownAndUp(t *testing.T) {
	eachEmpty(t, func(t *testing.T, url string) {
		s := storetest.Open(t, url)
		pending(t, s, versions)
		for range 2 {
			applied, err := s.MigrateUp(t.Context())
			if err != nil || len(applied) != versions || applied[0].Name != "00001_users.sql" || applied[0].AppliedAt.IsZero() {
				t.Fatalf("applied %+v, %v", applied, err)
			}
			pending(t, s, 0)
			exchange(t, s, newConversation(t, s), 1)
			if applied, err = s.MigrateUp(t.Context()); err != nil || len(applied) != 0 {
				t.Fatalf("applied once more: %+v, %v", applied, err)
			}
			for last, left := int64(math.MaxInt64), versions; left > 0; left-- {
				taken, err := s.MigrateDown(t.Context())
				if err != nil || taken.Version >= last {
					t.Fatalf("took %+v back, %v", taken, err)
				}
				last = taken.Version
			}
			pending(t, s, versions)
		}
		if _, err := s.MigrateDown(t.Context()); err == nil {
			t.Error("there was nothing to take back")
		}
	})
}

func pending(t *testing.T, s *store.Store, want int) {
	t.Helper()
	all, err := s.MigrationStatus(t.Context())
	if err != nil || len(all) != versions {
		t.Fatalf("the status is %+v, %v", all, err)
	}
	n, last := 0, int64(0)
	for i, migration := range all {
		if migration.Version <= last {
			t.Errorf("migration %d is %+v", i, migration)
		}
		last = migration.Version
		if migration.AppliedAt.IsZero() {
			n++
		}
	}
	if n != want {
		t.Errorf("%d migrations are pending, want %d", n, want)
	}
}

func TestSeveralInstancesMigrateAtOnce(t *testing.T) {
	eachEmpty(t, func(t *testing.T, url string) {
		var applied atomic.Int32
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				s, err := store.Open(t.Context(), url, store.Options{})
				if err != nil {
					t.Error(err)
					return
				}
				steps, err := s.MigrateUp(t.Context())
				if err != nil {
					t.Error(err)
				}
				applied.Add(int32(len(steps)))
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if applied.Load() != versions {
			t.Errorf("%d migrations were applied", applied.Load())
		}
	})
}
