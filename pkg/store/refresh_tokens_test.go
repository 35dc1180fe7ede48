package store_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/id"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/store"
	"dreamchat/pkg/store/storetest"
)

// rotation is the use of a token that is known by a hash, with ten seconds of
// grace.
func rotation(t *testing.T, s *store.Store, hash, next string, seconds int) auth.Rotation {
	t.Helper()
	used, err := s.RefreshToken(t.Context(), hash)
	if err != nil {
		t.Fatalf("token %q: %v", hash, err)
	}
	return auth.Rotation{
		Used: used, Next: newToken(used.UserID, used.FamilyID, next, seconds), Answer: []byte("answer " + next),
		Grace: 10 * time.Second, Client: auth.Client{UserAgent: "Agent/2", Address: "203.0.113.8"},
	}
}

// rotated uses the first token of a session.
func rotated(t *testing.T, s *store.Store, opened auth.Opening, next string, seconds int) {
	t.Helper()
	turn, answer, err := s.RotateRefreshToken(t.Context(), rotation(t, s, opened.Token.Hash, next, seconds))
	if err != nil || turn != auth.TurnTaken || answer != nil {
		t.Fatalf("RotateRefreshToken: %v, %q, %v", turn, answer, err)
	}
}

func wantTurn(t *testing.T, s *store.Store, want auth.Turn, answer, hash, next string, seconds int) {
	t.Helper()
	turn, told, err := s.RotateRefreshToken(t.Context(), rotation(t, s, hash, next, seconds))
	if err != nil || turn != want || string(told) != answer {
		t.Errorf("%q after %d s: turn %v with %q, %v, want %v with %q", hash, seconds, turn, told, err, want, answer)
	}
}

func TestRotationMovesTheDevice(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ann := storetest.User(t, s, "ann").ID
		opened := openDevice(t, s, ann, "one", 0)
		rotated(t, s, opened, "two", 50)
		want := opened.Device
		want.UserAgent, want.Address = "Agent/2", "203.0.113.8"
		want.CreatedAt, want.LastUsedAt, want.ExpiresAt = stored(at(0)), stored(at(50)), stored(at(150))
		devices, err := s.Devices(t.Context(), ann, at(149), 10)
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, devices, []auth.Device{want})
		next, err := s.RefreshToken(t.Context(), "two")
		if err != nil || next.FamilyID != opened.Device.ID || next.UserID != ann || next.UsedAt != nil || len(next.Answer) > 0 {
			t.Errorf("the next token is %+v, %v", next, err)
		}
	})
}

func TestUsedTokenIsAnsweredTheSameWithinItsGrace(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ann := storetest.User(t, s, "ann").ID
		rotated(t, s, openDevice(t, s, ann, "one", 0), "two", 1)
		for second := range 10 {
			wantTurn(t, s, auth.TurnRepeated, "answer two", "one", "never", second+1)
		}
		if _, err := s.RefreshToken(t.Context(), "never"); err == nil {
			t.Error("a repeated use made a token")
		}
		wantTurn(t, s, auth.TurnTaken, "", "two", "three", 9)
		wantTurn(t, s, auth.TurnRepeated, "answer three", "two", "never", 10)
		wantTurn(t, s, auth.TurnStolen, "", "one", "never", 10) // the one that came of it was used
	})
}

func TestUsedTokenEndsItsDevice(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ann := storetest.User(t, s, "ann").ID
		for name, change := range map[string]func(*auth.Rotation){
			"after the grace": func(r *auth.Rotation) { r.Next.CreatedAt = at(11) },
			"without a grace": func(r *auth.Rotation) { r.Grace = 0 },
		} {
			t.Run(name, func(t *testing.T) {
				other := openDevice(t, s, ann, name+": other", 1)
				first := openDevice(t, s, ann, name, 0)
				rotated(t, s, first, name+": two", 1)
				again := rotation(t, s, name, name+": stolen", 10)
				change(&again)
				if turn, answer, err := s.RotateRefreshToken(t.Context(), again); err != nil || turn != auth.TurnStolen || answer != nil {
					t.Errorf("used again: turn %v with %q, %v", turn, answer, err)
				}
				for _, hash := range []string{name, name + ": two"} {
					_, _, err := s.RotateRefreshToken(t.Context(), rotation(t, s, hash, id.New(), 12))
					wantKind(t, err, problem.InvalidCredentials)
				}
				if state, err := s.State(t.Context(), ann, first.Device.ID, ""); err != nil || !state.Ended {
					t.Errorf("the session's state is %+v, %v", state, err)
				}
				rotated(t, s, other, name+": other two", 12)
			})
		}
	})
}

func TestTokensThatAreRefused(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ann := storetest.User(t, s, "ann").ID
		openDevice(t, s, ann, "expiring", 0)
		refuse := func(r auth.Rotation) {
			t.Helper()
			_, _, err := s.RotateRefreshToken(t.Context(), r)
			wantKind(t, err, problem.InvalidCredentials)
		}
		refuse(rotation(t, s, "expiring", "next", 100))
		pruned := rotation(t, s, "expiring", "next", 1)
		pruned.Used.ID = id.New()
		refuse(pruned)
		orphan := rotation(t, s, "expiring", "next", 1)
		orphan.Used.UserID = id.New()
		refuse(orphan)
		wantTurn(t, s, auth.TurnTaken, "", "expiring", "next", 99)
		_, err := s.RefreshToken(t.Context(), "unknown")
		wantKind(t, err, problem.NotFound)
	})
}

// Whoever loses the race reads what the winner has committed.
func TestRaceForOneTokenHasOneWinner(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ann := storetest.User(t, s, "ann").ID
		openDevice(t, s, ann, "one", 0)
		var won atomic.Int32
		var answers sync.Map
		var all sync.WaitGroup
		for range 50 {
			use := rotation(t, s, "one", id.New(), 1)
			all.Go(func() {
				turn, answer, err := s.RotateRefreshToken(t.Context(), use)
				switch {
				case err != nil:
					t.Error(err)
				case turn == auth.TurnTaken:
					won.Add(1)
					answers.Store(string(use.Answer), true)
				case turn == auth.TurnRepeated:
					answers.Store(string(answer), true)
				default:
					t.Errorf("turn %v", turn)
				}
			})
		}
		all.Wait()
		different := 0
		answers.Range(func(any, any) bool { different++; return true })
		if won.Load() != 1 || different != 1 {
			t.Errorf("%d of 50 made a token, and %d answers were told", won.Load(), different)
		}
	})
}

// A thief may rotate the stolen token's successors while its reuse is found out.
func TestNoTokenSurvivesItsDevice(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ann := storetest.User(t, s, "ann").ID
		for range 20 {
			hash, last := id.New(), id.New()
			rotated(t, s, openDevice(t, s, ann, hash, 0), last, 1)
			stolen := rotation(t, s, hash, id.New(), 30)
			var all sync.WaitGroup
			all.Go(func() {
				for range 5 {
					next := rotation(t, s, last, id.New(), 2)
					if _, _, err := s.RotateRefreshToken(t.Context(), next); err != nil {
						wantKind(t, err, problem.InvalidCredentials)
						return
					}
					last = next.Next.Hash
				}
			})
			all.Go(func() {
				if turn, _, err := s.RotateRefreshToken(t.Context(), stolen); err != nil || turn != auth.TurnStolen {
					t.Errorf("the stolen token: turn %v, %v", turn, err)
				}
			})
			all.Wait()
			_, _, err := s.RotateRefreshToken(t.Context(), rotation(t, s, last, id.New(), 31))
			wantKind(t, err, problem.InvalidCredentials)
		}
	})
}
