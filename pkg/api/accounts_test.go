package api_test

import (
	"bytes"
	"net/http"
	"strings"
	"sync"
	"testing"

	"dreamchat/pkg/api"
	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/auth"
	"dreamchat/pkg/problem"
)

const password = "correct horse battery"

func account(username, email, password string) map[string]any {
	return map[string]any{"username": username, "email": email, "password": password}
}

func credentials(username, password string) map[string]any {
	return map[string]any{"username": username, "password": password}
}

func token(refreshToken string) map[string]any {
	return map[string]any{"refreshToken": refreshToken}
}

func register(s *apitest.Service, username, email string) auth.Session {
	reply := s.Nobody().Post("/api/v1/auth/register", account(username, email, password))
	return apitest.Decode[auth.Session](reply.Status(http.StatusCreated))
}

func login(s *apitest.Service, username string) auth.Session {
	reply := s.Nobody().Post("/api/v1/auth/login", credentials(username, password))
	return apitest.Decode[auth.Session](reply.Status(http.StatusOK))
}

func TestAccountsComeInByNameOrAddressInAnyCase(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		made := register(s, "Ada.L", "Ada@Example.com")
		if made.User.Username != "Ada.L" || made.User.Email != "ada@example.com" || made.User.Role != auth.RoleUser ||
			made.TokenType != "Bearer" || made.ExpiresIn != 900 {
			t.Errorf("registered: %+v", made.User)
		}
		for _, name := range []string{"Ada.L", "ada.l", "ADA.L", "Ada@Example.com", "ada@example.com", " ada.l "} {
			session := login(s, name)
			me := s.As(&apitest.User{Token: session.AccessToken}).Get("/api/v1/auth/me").Status(http.StatusOK)
			if got := apitest.Decode[auth.User](me); got != made.User {
				t.Errorf("%q is %+v, want %+v", name, got, made.User)
			}
			if me.Header.Get("Cache-Control") != "no-store" {
				t.Error("a cache may keep an account")
			}
		}
	})
}

func TestAccountsAreNeverShownWithTheirPassword(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	reply := s.Nobody().Post("/api/v1/auth/register", account("ada", "ada@example.com", password)).Status(http.StatusCreated)
	for _, secret := range []string{password, "argon2", "assword"} {
		if bytes.Contains(reply.Bytes, []byte(secret)) {
			t.Errorf("%q is told: %s", secret, reply.Bytes)
		}
	}
}

func TestAccountsAreTakenOnce(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		register(s, "Ada", "ada@example.com")
		for _, test := range []struct{ name, username, email, pointers string }{
			{"name", "Ada", "other@example.com", "/username"},
			{"name in other case", "aDA", "other@example.com", "/username"},
			{"address", "other", "ada@example.com", "/email"},
			{"address in other case", "other", "ADA@example.COM", "/email"},
			{"both", "ada", "ada@example.com", "/email /username"},
		} {
			t.Run(test.name, func(t *testing.T) {
				document := s.Nobody().In(t).Post("/api/v1/auth/register", account(test.username, test.email, password)).
					Problem(problem.AlreadyExists)
				if got := pointers(document); got != test.pointers {
					t.Errorf("pointers %q, want %q", got, test.pointers)
				}
			})
		}
	})
}

func TestRegistrationNamesEveryFieldThatIsWrong(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	good := account("ada", "ada@example.com", password)
	with := func(name string, value any) map[string]any {
		changed := map[string]any{"username": good["username"], "email": good["email"], "password": good["password"]}
		changed[name] = value
		return changed
	}
	for _, test := range []struct {
		name     string
		body     map[string]any
		pointers string
	}{
		{"nothing", map[string]any{}, "/email /password /username"},
		{"all of it", account("a", "a", "a"), "/email /password /username"},
		{"types", map[string]any{"username": 1, "email": true, "password": []string{}}, "/email /password /username"},
		{"null", with("username", nil), "/username"},
		{"name too short", with("username", "ab"), "/username"},
		{"name too long", with("username", strings.Repeat("a", 33)), "/username"},
		{"name with an @", with("username", "ada@home"), "/username"},
		{"name with a space", with("username", "ada l"), "/username"},
		{"name of other letters", with("username", "ädä"), "/username"},
		{"no address", with("email", "ada"), "/email"},
		{"address of two", with("email", "ada@example.com, eve@example.com"), "/email"},
		{"address too long", with("email", strings.Repeat("a", 250)+"@example.com"), "/email"},
		{"password too short", with("password", "1234567"), "/password"},
		{"password too long", with("password", strings.Repeat("a", 129)), "/password"},
		{"password with U+0000", with("password", "a long\x00password"), "/password"},
	} {
		t.Run(test.name, func(t *testing.T) {
			document := s.Nobody().In(t).Post("/api/v1/auth/register", test.body).Problem(problem.Invalid)
			if got := pointers(document); got != test.pointers {
				t.Errorf("pointers %q, want %q", got, test.pointers)
			}
			for _, field := range document.Errors {
				if field.Detail == "" {
					t.Errorf("%s: nothing is said", field.Pointer)
				}
			}
		})
	}
	for name, body := range map[string]map[string]any{
		"shortest": account("ada", "a@b.co", "12345678"),
		"longest":  account(strings.Repeat("x", 32), strings.Repeat("a", 60)+"@example.com", strings.Repeat("😀", 128)),
	} {
		t.Run(name, func(t *testing.T) {
			s.Nobody().In(t).Post("/api/v1/auth/register", body).Status(http.StatusCreated)
			s.Nobody().In(t).Post("/api/v1/auth/login", credentials(body["username"].(string), body["password"].(string))).Status(http.StatusOK)
		})
	}
}

func TestLoginTellsNothingOfWhoExists(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		register(s, "ada", "ada@example.com")
		try := func(username, password string) *apitest.Reply {
			reply := s.Nobody().Post("/api/v1/auth/login", credentials(username, password), "X-Request-Id: same")
			reply.Problem(problem.InvalidCredentials)
			return reply
		}
		wrong := try("ada", "not the password")
		for name, reply := range map[string]*apitest.Reply{
			"unknown name":     try("eve", password),
			"unknown address":  try("eve@example.com", password),
			"password's case":  try("ada", strings.ToUpper(password)),
			"password's space": try("ada", password+" "),
			"pattern":          try("a%", password),
		} {
			if !bytes.Equal(reply.Bytes, wrong.Bytes) || reply.Header.Get("WWW-Authenticate") != wrong.Header.Get("WWW-Authenticate") {
				t.Errorf("%s: %s, but a wrong password gives %s", name, reply.Bytes, wrong.Bytes)
			}
		}
	})
}

func TestRefreshTokensRotate(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		first := register(s, "ada", "ada@example.com")
		elsewhere := login(s, "ada")
		refresh := func(refreshToken string) *apitest.Reply {
			return s.Nobody().Post("/api/v1/auth/refresh", token(refreshToken))
		}

		second := apitest.Decode[auth.Session](refresh(first.RefreshToken).Status(http.StatusOK))
		if second.RefreshToken == first.RefreshToken || second.AccessToken == first.AccessToken || second.User != first.User {
			t.Errorf("refreshed: %+v", second.User)
		}
		third := apitest.Decode[auth.Session](refresh(second.RefreshToken).Status(http.StatusOK))
		s.As(&apitest.User{Token: third.AccessToken}).Get("/api/v1/auth/me").Status(http.StatusOK)

		refresh(first.RefreshToken).Problem(problem.InvalidCredentials) // used: perhaps stolen
		refresh(third.RefreshToken).Problem(problem.InvalidCredentials) // ends with its family
		refresh(elsewhere.RefreshToken).Status(http.StatusOK)           // is of another login

		refresh("garbage").Problem(problem.InvalidCredentials)
		refresh(third.AccessToken[:43]).Problem(problem.InvalidCredentials)
	})
}

func TestRefreshTokensAreGoodForOneOfManyCallersWithoutAGrace(t *testing.T) {
	t.Parallel()
	options := apitest.Options{Change: func(s *api.Server) { s.Accounts.RefreshGrace = 0 }}
	apitest.EachWith(t, options, func(t *testing.T, s *apitest.Service) {
		refreshToken := register(s, "ada", "ada@example.com").RefreshToken
		var granted sync.Map
		var callers sync.WaitGroup
		for caller := range 8 {
			callers.Go(func() {
				reply := s.Nobody().Post("/api/v1/auth/refresh", token(refreshToken))
				if reply.StatusCode == http.StatusOK {
					granted.Store(caller, true)
				}
			})
		}
		callers.Wait()
		count := 0
		granted.Range(func(any, any) bool { count++; return true })
		if count != 1 {
			t.Errorf("%d callers got a session", count)
		}
	})
}

func TestLogoutEndsTheSessionAndNoOther(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(_ *testing.T, s *apitest.Service) {
		here, elsewhere := register(s, "ada", "ada@example.com"), login(s, "ada")
		logout := func(refreshToken string) {
			s.Nobody().Post("/api/v1/auth/logout", token(refreshToken)).Status(http.StatusNoContent)
		}
		logout(here.RefreshToken)
		logout(here.RefreshToken)
		logout("garbage")

		s.Nobody().Post("/api/v1/auth/refresh", token(here.RefreshToken)).Problem(problem.InvalidCredentials)
		s.Nobody().Post("/api/v1/auth/refresh", token(elsewhere.RefreshToken)).Status(http.StatusOK)
		s.As(&apitest.User{Token: here.AccessToken}).Get("/api/v1/auth/me").Problem(problem.SessionEnded)
		s.As(&apitest.User{Token: elsewhere.AccessToken}).Get("/api/v1/auth/me").Status(http.StatusOK)
	})
}

func TestAccountsThatAreGone(t *testing.T) {
	t.Parallel()
	key := apitest.Key(t)
	s := apitest.Start(t, apitest.Options{Key: key})
	ghost := s.As(&apitest.User{Token: signer{key, "nobody"}.fresh(t)})
	ghost.Get("/api/v1/auth/me").Problem(problem.SessionEnded)
	ghost.Get("/api/v1/conversations").Problem(problem.SessionEnded)
}
