package auth_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/problem"
)

func TestWhatNobodyNeedsIsForgotten(t *testing.T) {
	each(t, func(t *testing.T, accounts *auth.Accounts) {
		accounts.RefreshGrace = time.Minute
		ended, open := register(t, accounts, "ann"), register(t, accounts, "bob")
		next := refresh(t, accounts, open.RefreshToken)
		if err := accounts.Logout(t.Context(), ended.RefreshToken); err != nil {
			t.Fatal(err)
		}
		find := func(session auth.Session) (auth.RefreshToken, error) {
			return accounts.Store.RefreshToken(t.Context(), hashOf(session.RefreshToken))
		}
		for _, step := range []struct {
			after        time.Duration
			answer, gone bool
		}{
			{50 * time.Second, true, false},
			{70 * time.Second, false, false},
			{50 * time.Minute, false, false},
			{70 * time.Minute, false, true},
			{29 * 24 * time.Hour, false, true},
		} {
			accounts.Prune(t.Context(), time.Now().Add(step.after))
			if _, err := find(ended); errors.Is(err, problem.NotFound) != step.gone {
				t.Errorf("after %v the ended session: %v", step.after, err)
			}
			used, err := find(open)
			if err != nil || (len(used.Answer) > 0) != step.answer {
				t.Errorf("after %v the used token: %+v, %v", step.after, used, err)
			}
			if _, err := find(next); err != nil {
				t.Errorf("after %v the open session: %v", step.after, err)
			}
		}
		refresh(t, accounts, next.RefreshToken)
		accounts.Prune(t.Context(), time.Now().Add(31*24*time.Hour))
		if _, err := find(next); !errors.Is(err, problem.NotFound) {
			t.Errorf("after its end the session: %v", err)
		}
	})
}

func TestPruningEndsWithItsContext(t *testing.T) {
	each(t, func(t *testing.T, accounts *auth.Accounts) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- accounts.Run(ctx) }()
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}
