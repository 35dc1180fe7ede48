package auth_test

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/stream"
)

func TestRefreshWithinTheGraceGivesTheSamePair(t *testing.T) {
	each(t, func(t *testing.T, accounts *auth.Accounts) {
		accounts.RefreshGrace = time.Minute
		first := register(t, accounts, "ann")
		second := refresh(t, accounts, first.RefreshToken)
		for range 3 {
			again := refresh(t, accounts, first.RefreshToken)
			if again.AccessToken != second.AccessToken || again.RefreshToken != second.RefreshToken ||
				again.ExpiresIn > second.ExpiresIn || again.ExpiresIn < second.ExpiresIn-60 {
				t.Errorf("again: %+v, want %+v", again, second)
			}
		}
		third := refresh(t, accounts, second.RefreshToken)
		refused(t, accounts, "once the next one was used", first.RefreshToken)
		refused(t, accounts, "the session has ended", third.RefreshToken)
	})
}

func TestRefreshAfterTheGraceEndsTheSession(t *testing.T) {
	each(t, func(t *testing.T, accounts *auth.Accounts) {
		accounts.RefreshGrace = time.Microsecond
		first := register(t, accounts, "ann")
		second := refresh(t, accounts, first.RefreshToken)
		checkAccess(t, accounts, second)
		refused(t, accounts, "after the grace", first.RefreshToken)
		refused(t, accounts, "the session has ended", second.RefreshToken)
		caller, err := accounts.Tokens.Verify(t.Context(), second.AccessToken)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := accounts.Standing.Check(t.Context(), caller); !errors.Is(err, problem.SessionEnded) {
			t.Errorf("the access token: %v, want %v", err, problem.SessionEnded)
		}
	})
}

func TestOfTwoWhoRefreshWithinTheGraceBothGetTheSame(t *testing.T) {
	each(t, func(t *testing.T, accounts *auth.Accounts) {
		accounts.RefreshGrace = time.Minute
		token := register(t, accounts, "ann").RefreshToken
		sessions := make([]auth.Session, 8)
		var wait sync.WaitGroup
		for i := range sessions {
			wait.Go(func() { sessions[i] = refresh(t, accounts, token) })
		}
		wait.Wait()
		for _, session := range sessions {
			if session.AccessToken != sessions[0].AccessToken || session.RefreshToken != sessions[0].RefreshToken {
				t.Errorf("%+v and %+v", session, sessions[0])
			}
		}
	})
}

// What is stored of an answer is of no use without the token that it was given for.
func TestAnswersAreStoredSealed(t *testing.T) {
	each(t, func(t *testing.T, accounts *auth.Accounts) {
		accounts.RefreshGrace = time.Minute
		first := register(t, accounts, "ann")
		answer := func(token string) []byte {
			t.Helper()
			stored, err := accounts.Store.RefreshToken(t.Context(), hashOf(token))
			if err != nil {
				t.Fatal(err)
			}
			return stored.Answer
		}
		second := refresh(t, accounts, first.RefreshToken)
		sealed := answer(first.RefreshToken)
		for _, secret := range []string{second.AccessToken, second.RefreshToken, first.RefreshToken} {
			if len(sealed) == 0 || bytes.Contains(sealed, []byte(secret)) {
				t.Errorf("%q holds %s", sealed, secret)
			}
		}
		if _, err := auth.Unseal(sealed, first.RefreshToken); err != nil {
			t.Errorf("with its token: %v", err)
		}
		for name, with := range map[string]string{"another token": second.RefreshToken, "its hash": hashOf(first.RefreshToken), "none": ""} {
			if _, err := auth.Unseal(sealed, with); err == nil {
				t.Errorf("opened with %s", name)
			}
		}
		refresh(t, accounts, second.RefreshToken)
		if left := answer(first.RefreshToken); len(left) > 0 {
			t.Errorf("%q is left after the next token was used", left)
		}
		accounts.RefreshGrace = 0
		third := register(t, accounts, "bob")
		refresh(t, accounts, third.RefreshToken)
		if kept := answer(third.RefreshToken); len(kept) > 0 {
			t.Errorf("%q is stored without a grace", kept)
		}
	})
}

// vanishing is a store whose clients leave in the middle of a rotation.
type vanishing struct {
	auth.Store

	leave context.CancelFunc
}

func (v vanishing) RotateRefreshToken(ctx context.Context, rotation auth.Rotation) (auth.Turn, []byte, error) {
	v.leave()
	return v.Store.RotateRefreshToken(ctx, rotation)
}

func TestThiefWhoLeavesIsFoundOut(t *testing.T) {
	each(t, func(t *testing.T, accounts *auth.Accounts) {
		first := register(t, accounts, "ann")
		second := refresh(t, accounts, first.RefreshToken)
		ctx, leave := context.WithCancel(t.Context())
		thief := *accounts
		thief.Store = vanishing{Store: accounts.Store, leave: leave}
		_, err := thief.Refresh(ctx, first.RefreshToken, client)
		if !errors.Is(err, problem.InvalidCredentials) {
			t.Errorf("Refresh: %v, want %v", err, problem.InvalidCredentials)
		}
		refused(t, accounts, "the session has ended", second.RefreshToken)
	})
}

// rings counts how often it is rung that an account stands otherwise.
func rings(t *testing.T, accounts *auth.Accounts, userID string, change func()) bool {
	t.Helper()
	accounts.Standing.Bells = new(stream.Bells)
	bell := accounts.Standing.Listen(userID)
	defer bell.Close()
	change()
	select {
	case <-bell.C:
		return true
	default:
		return false
	}
}

func TestEndsOfSessionsAreRung(t *testing.T) {
	each(t, func(t *testing.T, accounts *auth.Accounts) {
		session := register(t, accounts, "ann")
		userID := session.User.ID
		open := func() auth.Session {
			opened, err := accounts.Login(t.Context(), "ann", password, client)
			if err != nil {
				t.Fatal(err)
			}
			return opened
		}
		used := open()
		next := refresh(t, accounts, used.RefreshToken)
		for _, step := range []struct {
			name string
			want bool
			do   func()
		}{
			{"refresh", false, func() { next = refresh(t, accounts, next.RefreshToken) }},
			{"login", false, func() { open() }},
			{"reuse", true, func() { refused(t, accounts, "used", used.RefreshToken) }},
			{"logout", true, func() {
				if err := accounts.Logout(t.Context(), open().RefreshToken); err != nil {
					t.Error(err)
				}
			}},
			{"another password", true, func() {
				if err := accounts.ChangePassword(t.Context(), userID, "", password, password, auth.Client{}); err != nil {
					t.Error(err)
				}
			}},
			{"end", true, func() {
				caller, err := accounts.Tokens.Verify(t.Context(), open().AccessToken)
				if err == nil {
					err = accounts.EndDevice(t.Context(), userID, caller.SessionID)
				}
				if err != nil {
					t.Error(err)
				}
			}},
		} {
			if rung := rings(t, accounts, userID, step.do); rung != step.want {
				t.Errorf("%s: rung %v, want %v", step.name, rung, step.want)
			}
		}
	})
}
