package cache_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"dreamchat/pkg/cache"
	"dreamchat/pkg/servertest"
)

func newVersioned(store cache.Store) *cache.Versioned {
	return &cache.Versioned{Store: store, Name: unique()}
}

// instance is another process that keeps the same lists.
func instance(of *cache.Versioned, store cache.Store) *cache.Versioned {
	return &cache.Versioned{Store: store, Name: of.Name}
}

func rows(text string) func(context.Context) ([]byte, error) {
	return func(context.Context) ([]byte, error) { return []byte(text), nil }
}

func expect(t *testing.T, lists *cache.Versioned, owner, field, stored, want string) {
	t.Helper()
	got, err := lists.Get(t.Context(), owner, field, rows(stored))
	if err != nil || string(got) != want {
		t.Errorf("Get(%s, %s) = %q, %v, want %q", owner, field, got, err, want)
	}
}

func TestListIsKeptUntilItsOwnerChangesIt(t *testing.T) {
	each(t, func(t *testing.T, view func() cache.Store) {
		lists := newVersioned(view())
		var hits []bool
		lists.Count = func(name string, hit bool) { hits = append(hits, hit && name == lists.Name) }
		expect(t, lists, "ann", "page 1", "a", "a")
		expect(t, lists, "ann", "page 1", "b", "a")
		expect(t, lists, "ann", "page 2", "", "")
		expect(t, lists, "ann", "page 2", "d", "")
		expect(t, lists, "bob", "page 1", "e", "e")
		lists.Advance(t.Context(), "ann")
		expect(t, lists, "ann", "page 1", "f", "f")
		expect(t, lists, "ann", "page 2", "g", "g")
		expect(t, lists, "bob", "page 1", "h", "e")
		if want := []bool{false, true, false, true, false, false, false, true}; !slices.Equal(hits, want) {
			t.Errorf("hits %v, want %v", hits, want)
		}
	})
}

func TestNothingIsLeftOfAnOwnerThatIsForgotten(t *testing.T) {
	server := servertest.StartRedis(t)
	lists, client := newVersioned(newRedis(t, server.URL)), servertest.RedisClient(t, server.URL)
	expect(t, lists, "ann", "page 1", "a", "a")
	expect(t, lists, "ann", "page 2", "b", "b")
	expect(t, lists, "bob", "page 1", "c", "c")
	server.Stop()
	lists.Advance(t.Context(), "ann") // which cannot be told now
	if err := lists.Forget(t.Context(), "ann"); err == nil {
		t.Error("forgotten without Redis")
	}
	server.Start()
	eventually(t, "Redis is back", func() bool { return lists.Forget(t.Context(), "ann") == nil })
	ctx, stop := context.WithTimeout(t.Context(), 3*time.Second)
	defer stop()
	if err := lists.Run(ctx); err != nil { // nothing is to be told any more
		t.Fatal(err)
	}
	keys, err := client.Keys(t.Context(), "*ann*").Result()
	if err != nil || len(keys) > 0 {
		t.Errorf("left are %q, %v", keys, err)
	}
}

func TestKeysOfOwnersAndFieldsAreKeptApart(t *testing.T) {
	each(t, func(t *testing.T, view func() cache.Store) {
		lists := newVersioned(view())
		names := []string{"", "a", "a:b", "b:c", "c", "val:a", "ver:a", "é", "a b"}
		for _, owner := range names {
			for _, field := range names {
				expect(t, lists, owner, field, owner+"|"+field, owner+"|"+field)
			}
		}
		for _, owner := range names {
			for _, field := range names {
				expect(t, lists, owner, field, "database", owner+"|"+field)
			}
		}
	})
}

func TestListErrorsAreNotKept(t *testing.T) {
	each(t, func(t *testing.T, view func() cache.Store) {
		lists, broken := newVersioned(view()), errors.New("database is away")
		_, err := lists.Get(t.Context(), "ann", "page", func(context.Context) ([]byte, error) { return nil, broken })
		if !errors.Is(err, broken) {
			t.Errorf("Get: %v, want %v", err, broken)
		}
		expect(t, lists, "ann", "page", "a", "a")
	})
}

func TestSlowReaderLeavesNoStaleList(t *testing.T) {
	for name, prepare := range map[string]func(*cache.Versioned){
		"first read": func(*cache.Versioned) {},
		"later read": func(lists *cache.Versioned) { lists.Advance(t.Context(), "ann") },
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, view func() cache.Store) {
				reader := newVersioned(view())
				writer := instance(reader, view())
				prepare(reader)
				reading, release, done := make(chan struct{}), make(chan struct{}), make(chan string)
				go func() {
					got, _ := reader.Get(t.Context(), "ann", "page", func(context.Context) ([]byte, error) {
						close(reading)
						<-release
						return []byte("before the change"), nil
					})
					done <- string(got)
				}()
				<-reading
				writer.Advance(t.Context(), "ann")
				close(release)
				if got := <-done; got != "before the change" {
					t.Errorf("slow reader got %q", got)
				}
				expect(t, reader, "ann", "page", "after it", "after it")
				expect(t, writer, "ann", "page", "later", "after it")
			})
		})
	}
}

func TestChangeDuringFirstReadsIsSeen(t *testing.T) {
	// Two readers find no version; both make one, and one reader's list is
	// stored under the version that was replaced.
	each(t, func(t *testing.T, view func() cache.Store) {
		one := newVersioned(view())
		other := instance(one, view())
		reading, release, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			_, _ = one.Get(t.Context(), "ann", "page", func(context.Context) ([]byte, error) {
				close(reading)
				<-release
				return []byte("old"), nil
			})
		}()
		<-reading
		expect(t, other, "ann", "page", "old", "old")
		one.Advance(t.Context(), "ann")
		close(release)
		<-done
		expect(t, other, "ann", "page", "new", "new")
		expect(t, one, "ann", "page", "newer", "new")
	})
}

func TestChangeIsToldThoughItsCallerIsGone(t *testing.T) {
	each(t, func(t *testing.T, view func() cache.Store) {
		here := newVersioned(view())
		there := instance(here, view())
		expect(t, there, "ann", "page", "old", "old")
		gone, leave := context.WithCancel(t.Context())
		leave()
		here.Advance(gone, "ann")
		expect(t, there, "ann", "page", "new", "new")
	})
}

func TestListOfAnEvictedVersionDoesNotComeBack(t *testing.T) {
	url := servertest.Redis(t)
	lists := newVersioned(newRedis(t, url))
	expect(t, lists, "ann", "page", "old", "old")
	if n, err := servertest.RedisClient(t, url).Del(t.Context(), "dreamchat:"+lists.Name+":ver:ann").Result(); n != 1 || err != nil {
		t.Fatalf("evicted %d versions, %v", n, err)
	}
	expect(t, lists, "ann", "page", "new", "new")
}

func TestListsAreKeptForFiveMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lists := newVersioned(newProcess(t))
		expect(t, lists, "ann", "page", "a", "a")
		time.Sleep(5*time.Minute - time.Second)
		expect(t, lists, "ann", "page", "b", "a")
		time.Sleep(2 * time.Second)
		expect(t, lists, "ann", "page", "c", "c")
	})
}

func TestSlowReadCountsTowardsTheAgeOfAList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lists := newVersioned(newProcess(t))
		slow := func(context.Context) ([]byte, error) {
			time.Sleep(4 * time.Minute)
			return []byte("slow"), nil
		}
		if _, err := lists.Get(t.Context(), "ann", "page", slow); err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Second)
		expect(t, lists, "ann", "page", "new", "slow")
		time.Sleep(20 * time.Second)
		expect(t, lists, "ann", "page", "new", "new")
	})
}
