package auth_test

import (
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/id"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/store"
	"dreamchat/pkg/store/storetest"
	"dreamchat/pkg/stream"
)

const password = "correct horse battery"

//nolint:gochecknoglobals // who asks for sessions, never written
var client = auth.Client{UserAgent: "Agent/1", Address: "203.0.113.7"}

// each runs a test with accounts on every database.
func each(t *testing.T, test func(t *testing.T, accounts *auth.Accounts)) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		test(t, &auth.Accounts{
			Store: s, Passwords: auth.NewPasswords(0), Tokens: newTokens(t), Log: slog.New(slog.DiscardHandler),
			Standing: &auth.Standing{Store: s, Bells: new(stream.Bells)},
		})
	})
}

func register(t *testing.T, accounts *auth.Accounts, name string) auth.Session {
	t.Helper()
	session, err := accounts.Register(t.Context(), auth.Registration{
		Email: name + "@Example.com", Username: name, Password: password,
	}, client)
	if err != nil {
		t.Fatal(err)
	}
	return session
}

// checkSession holds a session against the account that it is for.
func checkSession(t *testing.T, accounts *auth.Accounts, session auth.Session, userID string) {
	t.Helper()
	caller, err := accounts.Tokens.Verify(t.Context(), session.AccessToken)
	if err != nil || caller.UserID != userID || caller.Role != auth.RoleUser {
		t.Errorf("access token speaks for %+v, %v, want user %s", caller, err, userID)
	}
	if session.TokenType != "Bearer" || session.ExpiresIn != 900 || len(session.RefreshToken) != 43 {
		t.Errorf("session is %s for %d s with a refresh token of %d characters",
			session.TokenType, session.ExpiresIn, len(session.RefreshToken))
	}
	user, err := accounts.User(t.Context(), userID)
	if err != nil || session.User != user {
		t.Errorf("session holds %+v, the store %+v, %v", session.User, user, err)
	}
}

func TestRegisteredAccountCanLogIn(t *testing.T) {
	each(t, func(t *testing.T, accounts *auth.Accounts) {
		session, err := accounts.Register(t.Context(), auth.Registration{
			Email: "  Ann.Smith@Example.COM ", Username: "Ann_S", Password: password,
		}, client)
		if err != nil {
			t.Fatal(err)
		}
		user := session.User
		if user.Email != "ann.smith@example.com" || user.Username != "Ann_S" || !id.Valid(user.ID) {
			t.Errorf("registered %+v", user)
		}
		checkSession(t, accounts, session, user.ID)
		for _, login := range []string{"Ann_S", "ann_s", "ann.smith@example.com", " ANN.SMITH@example.com "} {
			again, err := accounts.Login(t.Context(), login, password, client)
			if err != nil {
				t.Fatalf("Login(%q): %v", login, err)
			}
			if again.RefreshToken == session.RefreshToken {
				t.Error("two logins have the same refresh token")
			}
			checkSession(t, accounts, again, user.ID)
		}
	})
}

func TestSessionTellsNoPassword(t *testing.T) {
	each(t, func(t *testing.T, accounts *auth.Accounts) {
		text, err := json.Marshal(register(t, accounts, "ann"))
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{"argon2", password, "assword"} {
			if strings.Contains(string(text), secret) {
				t.Errorf("%s holds %q", text, secret)
			}
		}
		for _, name := range []string{"accessToken", "refreshToken", "tokenType", "expiresIn", "user", "id", "email", "username", "role"} {
			if !strings.Contains(string(text), `"`+name+`":`) {
				t.Errorf("%s has no %s", text, name)
			}
		}
	})
}

func TestTakenNamesAreTold(t *testing.T) {
	each(t, func(t *testing.T, accounts *auth.Accounts) {
		register(t, accounts, "ann")
		for want, registration := range map[string]auth.Registration{
			"/email":    {Email: " ANN@example.com", Username: "other", Password: password},
			"/username": {Email: "other@example.com", Username: "ANN", Password: password},
		} {
			_, err := accounts.Register(t.Context(), registration, client)
			found := problem.From(err)
			if found.Kind != problem.AlreadyExists || len(found.Fields) != 1 || found.Fields[0].Pointer != want {
				t.Errorf("Register(%+v): %v with %v, want %s", registration, err, found.Fields, want)
			}
		}
	})
}

func TestWrongLoginsLookAlike(t *testing.T) {
	each(t, func(t *testing.T, accounts *auth.Accounts) {
		register(t, accounts, "ann")
		_, err := accounts.Login(t.Context(), "ann", "wrong password", client)
		want := problem.From(err).Document("")
		if want.Code != problem.InvalidCredentials.Code() {
			t.Fatalf("wrong password: %v", err)
		}
		for name, try := range map[string]struct{ login, password string }{
			"unknown name":       {"bob", password},
			"unknown email":      {"bob@example.com", password},
			"empty":              {"", ""},
			"other case":         {"ann", strings.ToUpper(password)},
			"null":               {"ann\x00", password},
			"not UTF-8":          {"ann\xff", password},
			"long name":          {strings.Repeat("a", 1<<20), password},
			"long password":      {"ann", strings.Repeat("a", auth.MaxPasswordBytes+1)},
			"long, unknown name": {"bob", strings.Repeat("a", auth.MaxPasswordBytes+1)},
			"SQL":                {"ann' OR '1'='1", password},
			"pattern":            {"an%", password},
		} {
			session, err := accounts.Login(t.Context(), try.login, try.password, client)
			got := problem.From(err).Document("")
			if got.Code != want.Code || got.Detail != want.Detail || session.AccessToken != "" {
				t.Errorf("%s: %+v, want %+v", name, got, want)
			}
		}
	})
}

// The fastest tries count, taken in turns: a busy machine makes others slower.
func TestUnknownAccountTakesAsLongAsAWrongPassword(t *testing.T) {
	each(t, func(t *testing.T, accounts *auth.Accounts) {
		register(t, accounts, "ann")
		try := func(login string) time.Duration {
			begun := time.Now()
			if _, err := accounts.Login(t.Context(), login, "wrong password", client); err == nil {
				t.Fatal("let in")
			}
			return time.Since(begun)
		}
		known, unknown := time.Hour, time.Hour
		for range 40 {
			known, unknown = min(known, try("ann")), min(unknown, try("bob"))
			if unknown > known/2 && known > unknown/2 {
				return
			}
		}
		t.Errorf("a known account takes %v, an unknown one %v", known, unknown)
	})
}

func TestAccountWithoutPasswordCannotLogIn(t *testing.T) {
	each(t, func(t *testing.T, accounts *auth.Accounts) {
		external := auth.User{ID: "issuer|7", Email: "eve@example.com", Username: "eve", Role: auth.RoleUser}
		external.CreatedAt = time.Now().UTC()
		external.UpdatedAt = external.CreatedAt
		if err := accounts.Store.CreateUser(t.Context(), external); err != nil {
			t.Fatal(err)
		}
		for _, password := range []string{"", password} {
			if _, err := accounts.Login(t.Context(), "eve", password, client); !errors.Is(err, problem.InvalidCredentials) {
				t.Errorf("Login with password %q: %v", password, err)
			}
		}
	})
}

func TestUnknownUserIsNotFound(t *testing.T) {
	each(t, func(t *testing.T, accounts *auth.Accounts) {
		if _, err := accounts.User(t.Context(), id.New()); !errors.Is(err, problem.NotFound) {
			t.Errorf("User: %v, want %v", err, problem.NotFound)
		}
	})
}

func TestRegistrationRaceHasOneWinner(t *testing.T) {
	each(t, func(t *testing.T, accounts *auth.Accounts) {
		errs := make([]error, 4)
		var wait sync.WaitGroup
		for i := range errs {
			wait.Go(func() {
				_, errs[i] = accounts.Register(t.Context(), auth.Registration{
					Email: "ann@example.com", Username: "ann", Password: password,
				}, client)
			})
		}
		wait.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else if !errors.Is(err, problem.AlreadyExists) {
				t.Errorf("Register: %v, want %v", err, problem.AlreadyExists)
			}
		}
		if won != 1 {
			t.Errorf("%d registrations won, want 1", won)
		}
	})
}
