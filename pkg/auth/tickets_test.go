package auth_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/cache"
	"dreamchat/pkg/problem"
)

func TestTicketsFromTheirFirstToTheirLastSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, err := cache.NewProcess(cache.ProcessBytes)
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		tickets := &auth.Tickets{Tokens: newTokens(t), Claims: store}
		ann := auth.Caller{UserID: "ann", Role: auth.RoleUser, SessionID: "session"}
		made := make(map[string]string)
		for _, path := range []string{"", "/a"} {
			ticket, seconds, err := tickets.Issue(ann, path)
			if err != nil || seconds != 120 {
				t.Fatalf("Issue: %d seconds, %v, want 120", seconds, err)
			}
			made[path] = ticket
		}
		look := func(path string, want error) {
			t.Helper()
			for of, ticket := range made {
				caller, err := tickets.Verify(t.Context(), ticket, path)
				if !errors.Is(err, want) || (err == nil) != (want == nil) {
					t.Errorf("Verify the ticket for %q at %q: %v, want %v", of, path, err, want)
				}
				if err == nil && (caller.UserID != "ann" || caller.Role != auth.RoleUser || caller.SessionID != "session") {
					t.Errorf("Verify = %+v", caller)
				}
			}
		}
		look("/a", nil)
		look("/b", problem.TokenAudience)
		look("", problem.TokenAudience)
		time.Sleep(2*time.Minute + 4*time.Second) // clocks may differ by five
		look("/a", nil)
		look("/b", problem.TokenAudience)
		time.Sleep(time.Second)
		look("/a", problem.TokenExpired)
	})
}

func TestTicketsAndAccessTokensAreNotEachOther(t *testing.T) {
	tickets := &auth.Tickets{Tokens: newTokens(t)}
	access, _, err := tickets.Tokens.Issue(auth.User{ID: "ann", Role: auth.RoleUser}, "session")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tickets.Verify(t.Context(), access, "/a"); !errors.Is(err, problem.TokenAudience) {
		t.Errorf("an access token as a ticket: %v", err)
	}
	for _, path := range []string{"", "/a"} {
		ticket, _, err := tickets.Issue(auth.Caller{UserID: "ann", Role: auth.RoleUser}, path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tickets.Tokens.Verify(t.Context(), ticket); !errors.Is(err, problem.TokenAudience) {
			t.Errorf("a ticket as an access token: %v", err)
		}
	}
}
