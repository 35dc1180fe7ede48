package auth_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/id"
	"dreamchat/pkg/problem"
)

func refresh(t *testing.T, accounts *auth.Accounts, token string) auth.Session {
	t.Helper()
	session, err := accounts.Refresh(t.Context(), token, client)
	if err != nil {
		t.Fatal(err)
	}
	return session
}

func refused(t *testing.T, accounts *auth.Accounts, what, token string) {
	t.Helper()
	session, err := accounts.Refresh(t.Context(), token, client)
	if !errors.Is(err, problem.InvalidCredentials) || session != (auth.Session{}) {
		t.Errorf("%s: Refresh = %+v, %v, want %v", what, session, err, problem.InvalidCredentials)
	}
}

func TestRefreshTokenIsTradedForANewSession(t *testing.T) {
	each(t, func(t *testing.T, accounts *auth.Accounts) {
		first := register(t, accounts, "ann")
		session := first
		for range 3 {
			next := refresh(t, accounts, session.RefreshToken)
			if next.RefreshToken == session.RefreshToken || next.AccessToken == session.AccessToken {
				t.Error("a token came back")
			}
			checkSession(t, accounts, next, first.User.ID)
			session = next
		}
	})
}

func TestReusedRefreshTokenEndsItsFamilyOnly(t *testing.T) {
	each(t, func(t *testing.T, accounts *auth.Accounts) {
		stolen := register(t, accounts, "ann")
		otherDevice, err := accounts.Login(t.Context(), "ann", password, client)
		if err != nil {
			t.Fatal(err)
		}
		second := refresh(t, accounts, stolen.RefreshToken)
		third := refresh(t, accounts, second.RefreshToken)
		refused(t, accounts, "the token that was used before", stolen.RefreshToken)
		refused(t, accounts, "the newest of its family", third.RefreshToken)
		refused(t, accounts, "one between", second.RefreshToken)
		refresh(t, accounts, otherDevice.RefreshToken)
	})
}

func TestOfTwoWhoUseARefreshTokenAtMostOneWins(t *testing.T) {
	each(t, func(t *testing.T, accounts *auth.Accounts) {
		token := register(t, accounts, "ann").RefreshToken
		errs := make([]error, 8)
		var wait sync.WaitGroup
		for i := range errs {
			wait.Go(func() { _, errs[i] = accounts.Refresh(t.Context(), token, client) })
		}
		wait.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else if !errors.Is(err, problem.InvalidCredentials) {
				t.Errorf("Refresh: %v, want %v", err, problem.InvalidCredentials)
			}
		}
		if won > 1 {
			t.Errorf("%d won with one token", won)
		}
	})
}

func TestLogoutEndsItsSessionOnly(t *testing.T) {
	each(t, func(t *testing.T, accounts *auth.Accounts) {
		here := register(t, accounts, "ann")
		there, err := accounts.Login(t.Context(), "ann", password, client)
		if err != nil {
			t.Fatal(err)
		}
		newer := refresh(t, accounts, here.RefreshToken)
		// Logging out with a token that was traded already ends the session too.
		for _, token := range []string{here.RefreshToken, here.RefreshToken, "unknown", "", strings.Repeat("A", 43)} {
			if err := accounts.Logout(t.Context(), token); err != nil {
				t.Errorf("Logout(%q): %v", token, err)
			}
		}
		refused(t, accounts, "after logout", newer.RefreshToken)
		refresh(t, accounts, there.RefreshToken)
	})
}

func TestRefreshTokensThatAreNotOursAreRefused(t *testing.T) {
	each(t, func(t *testing.T, accounts *auth.Accounts) {
		session := register(t, accounts, "ann")
		token := session.RefreshToken
		for what, forged := range map[string]string{
			"empty":        "",
			"unknown":      strings.Repeat("A", 43),
			"shorter":      token[:42],
			"longer":       token + "A",
			"padded":       token + "=",
			"null":         "\x00" + token[1:],
			"access token": session.AccessToken,
			"its hash":     hashOf(token),
			"huge":         strings.Repeat("A", 1<<20),
		} {
			refused(t, accounts, what, forged)
		}
		refresh(t, accounts, token)
	})
}

func hashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

func TestRefreshTokenIsGoodForThirtyDays(t *testing.T) {
	each(t, func(t *testing.T, accounts *auth.Accounts) {
		used, err := accounts.Store.RefreshToken(t.Context(), hashOf(register(t, accounts, "ann").RefreshToken))
		if err != nil {
			t.Fatal(err)
		}
		almost := time.Now().Add(30*24*time.Hour - time.Minute)
		next := auth.RefreshToken{ID: id.New(), Hash: hashOf("next"), ExpiresAt: almost.Add(time.Hour), CreatedAt: almost}
		late := next
		late.CreatedAt = almost.Add(2 * time.Minute)
		if _, _, err := accounts.Store.RotateRefreshToken(t.Context(), auth.Rotation{Used: used, Next: late}); !errors.Is(err, problem.InvalidCredentials) {
			t.Errorf("after 30 days: %v, want %v", err, problem.InvalidCredentials)
		}
		if turn, _, err := accounts.Store.RotateRefreshToken(t.Context(), auth.Rotation{Used: used, Next: next}); err != nil || turn != auth.TurnTaken {
			t.Errorf("a minute before: %v, %v", turn, err)
		}
	})
}

func TestExpiredRefreshTokenIsRefused(t *testing.T) {
	each(t, func(t *testing.T, accounts *auth.Accounts) {
		accounts.RefreshLifetime = time.Microsecond
		token := register(t, accounts, "ann").RefreshToken
		refused(t, accounts, "expired", token)
	})
}
