package main_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/id"
	"dreamchat/pkg/store"
)

func TestSessionsThatEndedLongAgoAreForgotten(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at installation) {
		server := at.start(t)
		user := server.register("ada").session.User
		server.stop()
		long := time.Now().Add(-31 * 24 * time.Hour)
		openAt(t, at.database, user.ID, long)
		if open := at.column(t, "SELECT id FROM sessions"); len(open) != 2 {
			t.Fatalf("the sessions are %q", open)
		}
		server = at.start(t)
		eventually(t, "only the newer session is kept", func() bool {
			return len(at.column(t, "SELECT id FROM sessions")) == 1 && len(at.column(t, "SELECT id FROM refresh_tokens")) == 1
		})
		server.stop()
	})
}

// openAt opens a session that was good for 30 days from a time on.
func openAt(t *testing.T, database, userID string, created time.Time) {
	t.Helper()
	db, err := store.Open(context.Background(), database, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }() // what is stored is looked at
	user, err := db.User(t.Context(), userID)
	if err != nil {
		t.Fatal(err)
	}
	token := auth.RefreshToken{
		ID: id.New(), FamilyID: id.New(), UserID: userID, Hash: id.New(), CreatedAt: created, ExpiresAt: created.Add(30 * 24 * time.Hour),
	}
	_, err = db.OpenDevice(t.Context(), auth.Opening{
		Device: auth.Device{ID: token.FamilyID, UserID: userID, CreatedAt: created, LastUsedAt: created, ExpiresAt: token.ExpiresAt},
		Token:  token, PasswordHash: user.PasswordHash, Most: auth.MaxDevices,
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestGraceOfRefreshTokensIsSet(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at installation) {
		for setting, status := range map[string]int{"REFRESH_GRACE=1m": http.StatusOK, "REFRESH_GRACE=0": http.StatusUnauthorized} {
			server := at.start(t, setting)
			user := server.register("ada" + id.New()[24:])
			body := map[string]string{"refreshToken": user.session.RefreshToken}
			user.reply(http.StatusOK, http.MethodPost, "/api/v1/auth/refresh", body)
			user.reply(status, http.MethodPost, "/api/v1/auth/refresh", body)
			server.stop()
		}
	})
}
