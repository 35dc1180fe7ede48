package store_test

import (
	"database/sql"
	"testing"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/store"
	"dreamchat/pkg/store/storetest"
)

// withoutSessions takes the schema back to that of a release without sessions.
func withoutSessions(t *testing.T, s *store.Store) {
	t.Helper()
	const sessions = 14
	for {
		taken, err := s.MigrateDown(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if taken.Version == sessions {
			return
		}
	}
}

func TestFamiliesOfEarlierReleasesBecomeDevices(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ann := storetest.User(t, s, "ann").ID
		used, fresh, ended := openDevice(t, s, ann, "used", 0), openDevice(t, s, ann, "fresh", 3), openDevice(t, s, ann, "ended", 4)
		rotated(t, s, used, "next", 7)
		if err := s.EndDevice(t.Context(), ann, ended.Device.ID, at(8)); err != nil {
			t.Fatal(err)
		}
		withoutSessions(t, s)
		if _, err := s.MigrateUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		devices, err := s.Devices(t.Context(), ann, at(9), 10)
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, devices, []auth.Device{
			{ID: used.Device.ID, UserID: ann, CreatedAt: stored(at(0)), LastUsedAt: stored(at(7)), ExpiresAt: stored(at(107))},
			{ID: fresh.Device.ID, UserID: ann, CreatedAt: stored(at(3)), LastUsedAt: stored(at(3)), ExpiresAt: stored(at(103))},
		})
		wantTurn(t, s, auth.TurnTaken, "", "next", "the one after", 9)
		wantTurn(t, s, auth.TurnStolen, "", "used", "never", 9)
		_, _, err = s.RotateRefreshToken(t.Context(), rotation(t, s, "ended", "never", 9))
		wantKind(t, err, problem.InvalidCredentials)
	})
}

// Instances of an earlier release may still let people in while new ones serve.
func TestTokensOfInstancesWithoutSessionsAreTakenOver(t *testing.T) {
	eachWithSQL(t, func(t *testing.T, s *store.Store, db *sql.DB) {
		ann := storetest.User(t, s, "ann").ID
		opened, left := openDevice(t, s, ann, "one", 0), openDevice(t, s, ann, "left", 0)
		if _, err := db.ExecContext(t.Context(), "DELETE FROM sessions"); err != nil {
			t.Fatal(err)
		}
		wantDevices(t, s, ann, 1)
		wantTurn(t, s, auth.TurnTaken, "", "one", "two", 1)
		if userID, err := s.EndDeviceOf(t.Context(), "left", at(1)); err != nil || userID != ann {
			t.Errorf("EndDeviceOf: %q, %v", userID, err)
		}
		_, _, err := s.RotateRefreshToken(t.Context(), rotation(t, s, "left", "never", 2))
		wantKind(t, err, problem.InvalidCredentials)
		wantDevices(t, s, ann, 2, opened)
		if state, err := s.State(t.Context(), ann, left.Device.ID, ""); err != nil || !state.Ended {
			t.Errorf("the session that was left is %+v, %v", state, err)
		}
	})
}

// An instance of an earlier release ends a session by its tokens alone, and may
// have added one after a new instance has ended it.
func TestSessionEndsByEitherMark(t *testing.T) {
	eachWithSQL(t, func(t *testing.T, s *store.Store, db *sql.DB) {
		ann := storetest.User(t, s, "ann").ID
		for hash, mark := range map[string]string{
			"there": "UPDATE refresh_tokens SET revoked_at = created_at WHERE hash = 'there'",
			"here":  "UPDATE sessions SET revoked_at = created_at WHERE revoked_at IS NULL",
		} {
			openDevice(t, s, ann, hash, 0)
			if _, err := db.ExecContext(t.Context(), mark); err != nil {
				t.Fatal(err)
			}
			_, _, err := s.RotateRefreshToken(t.Context(), rotation(t, s, hash, "never", 1))
			wantKind(t, err, problem.InvalidCredentials)
		}
	})
}
