package cache_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"dreamchat/pkg/cache"
)

type menu struct{ Dishes []string }

func newValue(store cache.Store) *cache.Value[menu] {
	return &cache.Value[menu]{Versioned: cache.Versioned{Store: store, Name: unique(), TTL: 5 * time.Minute}}
}

func TestStampedeLoadsOnce(t *testing.T) {
	each(t, func(t *testing.T, view func() cache.Store) {
		value := newValue(view())
		var loads atomic.Int32
		load := func(context.Context) (menu, error) {
			loads.Add(1)
			return menu{Dishes: []string{"soup", "fish"}}, nil
		}
		var wait sync.WaitGroup
		start := make(chan struct{})
		for range 200 {
			wait.Go(func() {
				<-start
				if got, err := value.Get(t.Context(), load); err != nil || len(got.Dishes) != 2 {
					t.Errorf("Get = %v, %v", got, err)
				}
			})
		}
		close(start)
		wait.Wait()
		if n := loads.Load(); n != 1 {
			t.Errorf("loaded %d times, want once", n)
		}
	})
}

func TestValueIsSharedByInstances(t *testing.T) {
	each(t, func(t *testing.T, view func() cache.Store) {
		var hits []bool
		count := func(_ string, hit bool) { hits = append(hits, hit) }
		here := newValue(view())
		there := &cache.Value[menu]{Versioned: cache.Versioned{Store: view(), Name: here.Name, TTL: here.TTL, Count: count}}
		if _, err := here.Get(t.Context(), serve("soup")); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			got, err := there.Get(t.Context(), serve("another"))
			if err != nil || len(got.Dishes) != 1 || got.Dishes[0] != "soup" {
				t.Errorf("Get = %v, %v, want what the other instance loaded", got, err)
			}
		}
		if len(hits) != 2 || !hits[0] || !hits[1] {
			t.Errorf("counted %v, want two hits", hits)
		}
	})
}

func serve(dish string) func(context.Context) (menu, error) {
	return func(context.Context) (menu, error) { return menu{Dishes: []string{dish}}, nil }
}

func TestValueIsLoadedAnewAfterItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		value := newValue(newProcess(t))
		for _, step := range []struct {
			after time.Duration
			dish  string
			want  string
		}{
			{0, "soup", "soup"},
			{5*time.Minute - time.Second, "fish", "soup"},
			{2 * time.Second, "fish", "fish"},
		} {
			time.Sleep(step.after)
			got, err := value.Get(t.Context(), serve(step.dish))
			if err != nil || got.Dishes[0] != step.want {
				t.Errorf("after %v Get = %v, %v, want %s", step.after, got, err, step.want)
			}
		}
	})
}

func TestErrorsOfALoadAreNotKept(t *testing.T) {
	each(t, func(t *testing.T, view func() cache.Store) {
		value, broken := newValue(view()), errors.New("database is away")
		_, err := value.Get(t.Context(), func(context.Context) (menu, error) { return menu{}, broken })
		if !errors.Is(err, broken) {
			t.Errorf("Get: %v, want %v", err, broken)
		}
		if got, err := value.Get(t.Context(), serve("soup")); err != nil || got.Dishes[0] != "soup" {
			t.Errorf("Get = %v, %v, want soup", got, err)
		}
	})
}

func TestCallerWhoLeavesFailsNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		value := newValue(newProcess(t))
		release := make(chan struct{})
		load := func(ctx context.Context) (menu, error) {
			select {
			case <-release:
				return menu{Dishes: []string{"soup"}}, nil
			case <-ctx.Done():
				return menu{}, ctx.Err()
			}
		}
		ctx, leave := context.WithCancel(t.Context())
		first, second := make(chan error, 1), make(chan error, 1)
		go func() {
			_, err := value.Get(ctx, load)
			first <- err
		}()
		synctest.Wait()
		go func() {
			_, err := value.Get(t.Context(), load)
			second <- err
		}()
		synctest.Wait()
		leave()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Errorf("who left got %v", err)
		}
		close(release)
		if err := <-second; err != nil {
			t.Errorf("who stayed got %v", err)
		}
	})
}

func TestLoadThatHangsIsEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		value, begun := newValue(newProcess(t)), time.Now()
		_, err := value.Get(t.Context(), func(ctx context.Context) (menu, error) {
			<-ctx.Done()
			return menu{}, ctx.Err()
		})
		if took := time.Since(begun); !errors.Is(err, context.DeadlineExceeded) || took != 10*time.Second {
			t.Errorf("Get: %v after %v, want the end after ten seconds", err, took)
		}
	})
}

func TestValueThatCannotBeReadIsLoaded(t *testing.T) {
	each(t, func(t *testing.T, view func() cache.Store) {
		other := &cache.Value[int]{Versioned: cache.Versioned{Store: view(), Name: unique()}}
		if _, err := other.Get(t.Context(), func(context.Context) (int, error) { return 7, nil }); err != nil {
			t.Fatal(err)
		}
		value := &cache.Value[menu]{Versioned: cache.Versioned{Store: view(), Name: other.Name}}
		for _, dish := range []string{"soup", "another"} {
			if got, err := value.Get(t.Context(), serve(dish)); err != nil || got.Dishes[0] != "soup" {
				t.Errorf("Get = %v, %v, want soup", got, err)
			}
		}
	})
}

func TestChangedValueIsLoadedByEveryInstance(t *testing.T) {
	each(t, func(t *testing.T, view func() cache.Store) {
		here := newValue(view())
		there := &cache.Value[menu]{Versioned: cache.Versioned{Store: view(), Name: here.Name, TTL: here.TTL}}
		want := func(value *cache.Value[menu], dish, want string) {
			t.Helper()
			if got, err := value.Get(t.Context(), serve(dish)); err != nil || got.Dishes[0] != want {
				t.Errorf("Get = %v, %v, want %s", got, err, want)
			}
		}
		want(here, "soup", "soup")
		want(there, "another", "soup")
		here.Advance(t.Context())
		want(there, "fish", "fish")
		want(here, "another", "fish")
	})
}

func TestChangeIsSeenThoughALoadOfBeforeIsUnderWay(t *testing.T) {
	each(t, func(t *testing.T, view func() cache.Store) {
		value := newValue(view())
		begun, release, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
		go func() {
			defer close(done)
			_, _ = value.Get(t.Context(), func(context.Context) (menu, error) {
				close(begun)
				<-release
				return menu{Dishes: []string{"before"}}, nil
			})
		}()
		<-begun
		value.Advance(t.Context())
		for range 2 {
			if got, err := value.Get(t.Context(), serve("after")); err != nil || got.Dishes[0] != "after" {
				t.Errorf("Get = %v, %v, want after", got, err)
			}
		}
		close(release)
		<-done
		if got, err := value.Get(t.Context(), serve("later")); err != nil || got.Dishes[0] != "after" {
			t.Errorf("Get = %v, %v, want after", got, err)
		}
	})
}

func TestOneCallerRefreshesWhileOthersGetTheOldValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		value := newValue(newProcess(t))
		if _, err := value.Get(t.Context(), serve("soup")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(value.TTL)
		release, refreshed := make(chan struct{}), make(chan string)
		go func() {
			got, _ := value.Get(t.Context(), func(context.Context) (menu, error) {
				<-release
				return menu{Dishes: []string{"fish"}}, nil
			})
			refreshed <- got.Dishes[0]
		}()
		synctest.Wait()
		for range 100 {
			if got, err := value.Get(t.Context(), serve("another")); err != nil || got.Dishes[0] != "soup" {
				t.Fatalf("Get = %v, %v, want the old one at once", got, err)
			}
		}
		close(release)
		if got := <-refreshed; got != "fish" {
			t.Errorf("who refreshed got %s", got)
		}
		if got, err := value.Get(t.Context(), serve("another")); err != nil || got.Dishes[0] != "fish" {
			t.Errorf("Get = %v, %v, want fish", got, err)
		}
	})
}

func TestValueIsLoadedWhileRedisIsAway(t *testing.T) {
	store, g := gated(t)
	value := newValue(store)
	g.Shut()
	for _, dish := range []string{"soup", "fish"} {
		if got, err := value.Get(t.Context(), serve(dish)); err != nil || got.Dishes[0] != dish {
			t.Errorf("Get = %v, %v, want %s", got, err, dish)
		}
	}
	g.Open()
	eventually(t, "the value is kept again", func() bool {
		loaded := false
		_, err := value.Get(t.Context(), func(context.Context) (menu, error) {
			loaded = true
			return menu{Dishes: []string{"bread"}}, nil
		})
		return err == nil && !loaded
	})
}
