package store_test

import (
	"slices"
	"testing"
	"time"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/id"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/store"
	"dreamchat/pkg/store/storetest"
)

const passwordHash = "not a hash" // of storetest.User

func newToken(userID, family, hash string, seconds int) auth.RefreshToken {
	return auth.RefreshToken{
		ID: id.New(), FamilyID: family, UserID: userID, Hash: hash,
		CreatedAt: at(seconds), ExpiresAt: at(seconds + 100),
	}
}

// opening is a session that is good for 100 seconds, with a refresh token.
func opening(userID, hash string, seconds int) auth.Opening {
	token := newToken(userID, id.New(), hash, seconds)
	return auth.Opening{
		Device: auth.Device{
			ID: token.FamilyID, UserID: userID, UserAgent: "Agent/1", Address: "203.0.113.7",
			CreatedAt: token.CreatedAt, LastUsedAt: token.CreatedAt, ExpiresAt: token.ExpiresAt,
		},
		Token: token, PasswordHash: passwordHash, Most: 3,
	}
}

// openDevice opens a session of a user.
func openDevice(t *testing.T, s *store.Store, userID, hash string, seconds int) auth.Opening {
	t.Helper()
	opened := opening(userID, hash, seconds)
	if _, err := s.OpenDevice(t.Context(), opened); err != nil {
		t.Fatal(err)
	}
	return opened
}

// wantDevices wants exactly these sessions to be open, in this order.
func wantDevices(t *testing.T, s *store.Store, userID string, seconds int, want ...auth.Opening) {
	t.Helper()
	devices, err := s.Devices(t.Context(), userID, at(seconds), 10)
	if err != nil || len(devices) != len(want) {
		t.Fatalf("the sessions are %+v, %v, want %d", devices, err, len(want))
	}
	for i, device := range devices {
		if device.ID != want[i].Device.ID {
			t.Errorf("session %d is %+v, want %+v", i, device, want[i].Device)
		}
	}
}

func TestDevicesAreKept(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ann, bob := storetest.User(t, s, "ann").ID, storetest.User(t, s, "bob").ID
		opened := openDevice(t, s, ann, "one", 1)
		openDevice(t, s, bob, "two", 2)
		want := opened.Device
		want.CreatedAt, want.LastUsedAt, want.ExpiresAt = stored(want.CreatedAt), stored(want.LastUsedAt), stored(want.ExpiresAt)
		devices, err := s.Devices(t.Context(), ann, at(3), 10)
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, devices, []auth.Device{want})
		wantDevices(t, s, ann, 101) // expired
		if devices, err := s.Devices(t.Context(), "nobody", at(3), 10); err != nil || devices == nil || len(devices) != 0 {
			t.Errorf("nobody has %+v, %v", devices, err)
		}
	})
}

func TestOneDeviceTooManyEndsTheOneUsedLeast(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ann, bob := storetest.User(t, s, "ann").ID, storetest.User(t, s, "bob").ID
		other := openDevice(t, s, bob, "of another", 0)
		first, second, third := openDevice(t, s, ann, "1", 1), openDevice(t, s, ann, "2", 2), openDevice(t, s, ann, "3", 3)
		rotated(t, s, first, "1b", 4)
		wantDevices(t, s, ann, 5, first, third, second)

		fourth := opening(ann, "4", 6)
		if ended, err := s.OpenDevice(t.Context(), fourth); err != nil || !ended {
			t.Fatalf("OpenDevice: %v, %v, want a session to end", ended, err)
		}
		wantDevices(t, s, ann, 7, fourth, first, third)
		_, _, err := s.RotateRefreshToken(t.Context(), rotation(t, s, "2", "2b", 7))
		wantKind(t, err, problem.InvalidCredentials)
		wantDevices(t, s, bob, 7, other)

		if err := s.EndDevice(t.Context(), ann, third.Device.ID, at(8)); err != nil {
			t.Fatal(err)
		}
		if ended, err := s.OpenDevice(t.Context(), opening(ann, "5", 9)); err != nil || ended {
			t.Errorf("OpenDevice where there is room: %v, %v", ended, err)
		}
	})
}

func TestDevicesAreEndedByTheirOwner(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ann, bob := storetest.User(t, s, "ann").ID, storetest.User(t, s, "bob").ID
		one, two := openDevice(t, s, ann, "one", 1), openDevice(t, s, ann, "two", 2)
		expired := openDevice(t, s, ann, "expired", -200)
		for name, end := range map[string]struct{ userID, id string }{
			"somebody else's": {bob, one.Device.ID},
			"unknown":         {ann, id.New()},
			"expired":         {ann, expired.Device.ID},
		} {
			t.Run(name, func(t *testing.T) { wantKind(t, s.EndDevice(t.Context(), end.userID, end.id, at(3)), problem.NotFound) })
		}
		if err := s.EndDevice(t.Context(), ann, one.Device.ID, at(3)); err != nil {
			t.Fatal(err)
		}
		wantKind(t, s.EndDevice(t.Context(), ann, one.Device.ID, at(3)), problem.NotFound)
		wantDevices(t, s, ann, 4, two)
		_, _, err := s.RotateRefreshToken(t.Context(), rotation(t, s, "one", "next", 4))
		wantKind(t, err, problem.InvalidCredentials)
		for sessionID, want := range map[string]bool{one.Device.ID: true, two.Device.ID: false} {
			if state, err := s.State(t.Context(), ann, sessionID, ""); err != nil || state.Ended != want {
				t.Errorf("the state is %+v, %v, want it ended: %v", state, err, want)
			}
		}
	})
}

func TestDeviceEndsByAnyOfItsTokens(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ann := storetest.User(t, s, "ann").ID
		opened, other := openDevice(t, s, ann, "used", 1), openDevice(t, s, ann, "other", 0)
		rotated(t, s, opened, "next", 2)
		for range 2 {
			if userID, err := s.EndDeviceOf(t.Context(), "used", at(3)); err != nil || userID != ann {
				t.Fatalf("EndDeviceOf: %q, %v", userID, err)
			}
		}
		wantDevices(t, s, ann, 4, other)
		if userID, err := s.EndDeviceOf(t.Context(), "unknown", at(3)); err != nil || userID != "" {
			t.Errorf("EndDeviceOf an unknown token: %q, %v", userID, err)
		}
	})
}

func TestPasswordIsReplacedOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ann, bob := storetest.User(t, s, "ann").ID, storetest.User(t, s, "bob").ID
		one, two, others := openDevice(t, s, ann, "one", 1), openDevice(t, s, ann, "two", 2), openDevice(t, s, bob, "bob's", 1)
		anew := auth.PasswordChange{UserID: ann, Old: passwordHash, New: "hashed anew", At: at(3)}
		if err := s.ReplacePassword(t.Context(), anew); err != nil {
			t.Fatal(err)
		}
		wantKind(t, s.ReplacePassword(t.Context(), anew), problem.Conflict)
		wantDevices(t, s, ann, 4, two, one)
		_, err := s.OpenDevice(t.Context(), opening(ann, "late", 4))
		wantKind(t, err, problem.Conflict)

		change := auth.PasswordChange{UserID: ann, Old: "hashed anew", New: "another", At: at(5), EndOthers: true, Keep: one.Device.ID}
		if err := s.ReplacePassword(t.Context(), change); err != nil {
			t.Fatal(err)
		}
		wantDevices(t, s, ann, 6, one)
		wantDevices(t, s, bob, 6, others)
		if user, err := s.User(t.Context(), ann); err != nil || user.PasswordHash != "another" || !user.UpdatedAt.Equal(stored(at(5))) {
			t.Errorf("the account is %+v, %v", user, err)
		}
		change.UserID = id.New()
		wantKind(t, s.ReplacePassword(t.Context(), change), problem.Conflict)
	})
}

func TestEndedDevicesArePruned(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ann := storetest.User(t, s, "ann").ID
		ended, kept := openDevice(t, s, ann, "ended", 0), openDevice(t, s, ann, "kept", 150)
		rotated(t, s, ended, "ended too", 1)
		if err := s.EndDevice(t.Context(), ann, ended.Device.ID, at(10)); err != nil {
			t.Fatal(err)
		}
		expired := openDevice(t, s, ann, "expired", 20) // at 120
		prune := func(before, limit, want int) {
			t.Helper()
			if n, err := s.PruneDevices(t.Context(), at(before), limit); err != nil || n != want {
				t.Errorf("before %d: pruned %d, %v, want %d", before, n, err, want)
			}
		}
		known := func(want ...string) {
			t.Helper()
			for _, hash := range []string{"ended", "ended too", "expired", "kept"} {
				_, err := s.RefreshToken(t.Context(), hash)
				if slices.Contains(want, hash) != (err == nil) {
					t.Errorf("token %q: %v, want only %q", hash, err, want)
				}
			}
		}
		sessions := func(want map[string]bool) {
			t.Helper()
			for sessionID, there := range want {
				// Of a session that is no more, the state is that it ended.
				if state, err := s.State(t.Context(), ann, sessionID, ""); err != nil || state.Ended == there {
					t.Errorf("session %s: %+v, %v, want it there: %v", sessionID, state, err, there)
				}
			}
		}
		prune(10, 10, 0) // nothing ended before
		known("ended", "ended too", "expired", "kept")
		prune(11, 1, 1)
		prune(11, 1, 1)
		prune(11, 1, 0)
		known("expired", "kept")
		prune(120, 10, 0)
		sessions(map[string]bool{expired.Device.ID: true, kept.Device.ID: true})
		prune(121, 10, 1)
		known("kept")
		sessions(map[string]bool{expired.Device.ID: false, kept.Device.ID: true})
		wantDevices(t, s, ann, 151, kept)
	})
}

func TestAnswersAreErasedAfterTheGrace(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ann := storetest.User(t, s, "ann").ID
		rotated(t, s, openDevice(t, s, ann, "one", 0), "one b", 5)
		rotated(t, s, openDevice(t, s, ann, "two", 0), "two b", 6)
		for _, step := range []struct{ before, want int }{{5, 0}, {6, 1}, {6, 0}} {
			if n, err := s.EraseAnswers(t.Context(), at(step.before), 10); err != nil || n != step.want {
				t.Errorf("before %d: erased %d, %v, want %d", step.before, n, err, step.want)
			}
		}
		if turn, _, err := s.RotateRefreshToken(t.Context(), rotation(t, s, "one", "c", 7)); err != nil || turn != auth.TurnStolen {
			t.Errorf("without its answer: %v, %v", turn, err)
		}
		if turn, _, err := s.RotateRefreshToken(t.Context(), rotation(t, s, "two", "d", 7)); err != nil || turn != auth.TurnRepeated {
			t.Errorf("with its answer: %v, %v", turn, err)
		}
		if n, err := s.EraseAnswers(t.Context(), at(100).Add(time.Hour), 0); err != nil || n != 0 {
			t.Errorf("at most none: erased %d, %v", n, err)
		}
	})
}
