package auth_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/problem"
)

// occupy takes the turn of one password until it is released.
func occupy(t *testing.T, passwords *auth.Passwords) (release func()) {
	t.Helper()
	release, err := passwords.Occupy(t.Context())
	if err != nil {
		t.Error(err)
		return func() {}
	}
	return release
}

func TestWaitingToHashEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		passwords := auth.NewPasswords(1)
		release := occupy(t, passwords)
		defer release()
		ctx, cancel := context.WithCancel(t.Context())
		result := make(chan error, 1)
		go func() {
			_, err := passwords.Hash(ctx, "password")
			result <- err
		}()
		synctest.Wait()
		select {
		case err := <-result:
			t.Fatalf("hashed beyond the bound: %v", err)
		default:
		}
		cancel()
		if err := <-result; !errors.Is(err, problem.Unavailable) || !errors.Is(err, context.Canceled) || problem.From(err).RetryAfter <= 0 {
			t.Errorf("Hash: %v, want %v because of %v", err, problem.Unavailable, context.Canceled)
		}
	})
}

func TestNoMoreWaitToHashThanThereIsRoomFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		passwords := auth.NewPasswords(1)
		release := occupy(t, passwords)
		defer release()
		ctx, cancel := context.WithCancel(t.Context())
		var waiting sync.WaitGroup
		for range 256 {
			waiting.Go(func() { _ = passwords.Pretend(ctx, "password") })
		}
		synctest.Wait()
		begun := time.Now()
		_, hashed := passwords.Hash(t.Context(), "password")
		_, matched := passwords.Matches(t.Context(), "password", vectors[0])
		for name, err := range map[string]error{"Hash": hashed, "Matches": matched, "Pretend": passwords.Pretend(t.Context(), "password")} {
			if found := problem.From(err); found.Kind != problem.Unavailable || found.RetryAfter != 5*time.Second {
				t.Errorf("%s: %v, again in %v", name, err, found.RetryAfter)
			}
		}
		if waited := time.Since(begun); waited > 0 {
			t.Errorf("that took %v", waited)
		}
		cancel()
		waiting.Wait()
	})
}

func TestWhoWaitsToHashComesInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		passwords := auth.NewPasswords(1)
		release := occupy(t, passwords)
		turns := make(chan int, 3)
		for turn := range cap(turns) {
			go func() {
				leave := occupy(t, passwords)
				turns <- turn
				leave()
			}()
			synctest.Wait() // it waits, before the next one comes
		}
		release()
		for want := range cap(turns) {
			if turn := <-turns; turn != want {
				t.Errorf("%d came as number %d", turn, want)
			}
		}
	})
}

func TestHashingTakesHalfOfTheProcessors(t *testing.T) {
	processors := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(processors)
	for processors, want := range map[int]int{1: 1, 2: 1, 8: 4, 9: 4, 32: 16, 64: 16} {
		runtime.GOMAXPROCS(processors)
		passwords := auth.NewPasswords(0)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for range want {
			defer occupy(t, passwords)()
		}
		if err := passwords.Pretend(ctx, "password"); !errors.Is(err, problem.Unavailable) {
			t.Errorf("with %d processors, more than %d are hashed at a time: %v", processors, want, err)
		}
	}
}

// A hash that takes more memory or threads than new ones do takes more turns, and
// never more than there are.
func TestDearHashesTakeTheRoomOfSeveral(t *testing.T) {
	for _, hash := range []string{vectors[0], vectors[2]} {
		passwords := auth.NewPasswords(2)
		if matches, err := passwords.Matches(t.Context(), "password", hash); err != nil || !matches {
			t.Fatalf("Matches: %v, %v", matches, err)
		}
		release := occupy(t, passwords)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		if _, err := passwords.Matches(ctx, "password", hash); !errors.Is(err, problem.Unavailable) {
			t.Errorf("beside another one: %v", err)
		}
		cancel()
		release()
	}
}

// Work is counted and not time, which says little on a busy machine.
func TestNothingIsToldByTheWorkOfAFailure(t *testing.T) {
	passwords := auth.NewPasswords(1)
	watched := passwords.Watch()
	work := func(check func() error) uint64 {
		t.Helper()
		before := watched.Work.Load()
		if err := check(); err != nil {
			t.Fatal(err)
		}
		return watched.Work.Load() - before
	}
	mismatch := func(hash string) func() error {
		return func() error {
			if matches, err := passwords.Matches(t.Context(), "wrong", hash); matches || err != nil {
				t.Errorf("Matches: %v, %v", matches, err)
			}
			return nil
		}
	}
	pretend := func() error { return passwords.Pretend(t.Context(), "wrong") }
	current, err := passwords.Hash(t.Context(), password)
	if err != nil {
		t.Fatal(err)
	}
	checks := map[string]func() error{
		"current": mismatch(current), "cheap": mismatch(vectors[1]), "on two threads": mismatch(vectors[2]), "none": pretend,
	}
	const usual = 2 * 19 << 10
	for name, check := range checks {
		if got := work(check); got != usual {
			t.Errorf("%s: work of %d, want %d", name, got, usual)
		}
	}
	// Once a dearer hash is known, all take as much, but for what whole passes make.
	checks["dear"] = mismatch(vectors[0])
	const most = 2 * 64 << 10
	work(checks["dear"])
	for name, check := range checks {
		if got := work(check); got > most || got < most-10 {
			t.Errorf("%s: work of %d beside a dear one, want %d", name, got, most)
		}
	}
}

func BenchmarkPassword(b *testing.B) {
	passwords := auth.NewPasswords(0)
	current, err := passwords.Hash(b.Context(), password)
	if err != nil {
		b.Fatal(err)
	}
	for _, bench := range []struct {
		name  string
		check func() error
	}{
		{"hash", func() error { _, err := passwords.Hash(b.Context(), password); return err }},
		{"right", func() error { _, err := passwords.Matches(b.Context(), password, current); return err }},
		{"wrong", func() error { _, err := passwords.Matches(b.Context(), "wrong", current); return err }},
		{"wrong for an older hash", func() error { _, err := passwords.Matches(b.Context(), "wrong", vectors[1]); return err }},
		{"no account", func() error { return passwords.Pretend(b.Context(), "wrong") }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := bench.check(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
