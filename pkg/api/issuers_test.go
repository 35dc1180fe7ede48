package api_test

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/auth"
	"dreamchat/pkg/id"
	"dreamchat/pkg/jwks"
	"dreamchat/pkg/jwks/jwkstest"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/servertest"
	"dreamchat/pkg/store/storetest"
)

// trusted has a service accept the tokens of an issuer as those of Mana Core Auth.
func trusted(t *testing.T, issuer *jwkstest.Issuer) auth.Issuer {
	t.Helper()
	keys := jwks.New(issuer.URL+jwkstest.Path, jwks.NewTransport(), slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- keys.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return auth.Issuer{Name: issuer.URL, Audiences: []string{"mana", "manacore"}, AdminRoles: []string{"admin"}, Keys: keys}
}

// bearer is somebody with a token.
func bearer(t *testing.T, s *apitest.Service, token string) *apitest.User {
	t.Helper()
	return s.As(&apitest.User{Token: token}).In(t)
}

// me is whom a token speaks for.
func me(t *testing.T, s *apitest.Service, token string) auth.User {
	t.Helper()
	return apitest.Decode[auth.User](bearer(t, s, token).Get("/api/v1/auth/me").Status(http.StatusOK))
}

func TestTokensOfAnotherIssuerAreGoodAsTheyAre(t *testing.T) {
	t.Parallel()
	key, older := jwkstest.Ed25519(t, "2026"), jwkstest.RSA(t, "2025", 2048)
	issuer := jwkstest.New(t, key, older)
	apitest.EachWith(t, apitest.Options{Issuers: []auth.Issuer{trusted(t, issuer)}}, func(t *testing.T, s *apitest.Service) {
		subject := "sub|" + id.New()
		first := me(t, s, issuer.Token(t, key, subject, map[string]any{"email": "Ada@Example.com"}))
		if !id.Valid(first.ID) || first.Issuer != issuer.URL || first.Email != "ada@example.com" || first.Username != "ada" ||
			first.Role != auth.RoleUser {
			t.Errorf("the account is %+v", first)
		}
		for name, token := range map[string]string{
			"once more":          issuer.Token(t, key, subject, map[string]any{"email": "ada@example.com"}),
			"RS256":              issuer.Token(t, older, subject, map[string]any{"email": "ada@example.com"}),
			"audience of old":    issuer.Token(t, key, subject, map[string]any{"email": "ada@example.com", "aud": "manacore"}),
			"one audience of it": issuer.Token(t, key, subject, map[string]any{"email": "ada@example.com", "aud": []string{"other", "mana"}}),
		} {
			if again := me(t, s, token); again != first {
				t.Errorf("%s: %+v, want %+v", name, again, first)
			}
		}
		if other := me(t, s, issuer.Token(t, key, subject+"2", nil)); other.ID == first.ID {
			t.Error("another subject is the same account")
		}

		ada := bearer(t, s, issuer.Token(t, key, subject, nil))
		answer := ada.Ask(ada.Conversation().ID, "Hello").Message
		ticket := apitest.Decode[map[string]any](ada.Post("/api/v1/auth/stream-tickets", nil).Status(http.StatusCreated))["ticket"].(string)
		s.Nobody().In(t).Get("/api/v1/messages/" + answer.ID + "/events?ticket=" + ticket).Status(http.StatusOK)
	})
}

func TestClaimsOfAnotherIssuer(t *testing.T) {
	t.Parallel()
	key := jwkstest.Ed25519(t, "key")
	issuer := jwkstest.New(t, key)
	s := apitest.Start(t, apitest.Options{Issuers: []auth.Issuer{trusted(t, issuer)}})
	long := strings.Repeat("é", 127) + "x" // 255 bytes
	for name, test := range map[string]struct {
		subject         string
		claims          map[string]any
		email, username string
		role            auth.Role
	}{
		"administrator":     {"s1", map[string]any{"role": "admin"}, "s1@example.com", "s1", auth.RoleAdmin},
		"service":           {"s2", map[string]any{"role": "service"}, "s2@example.com", "s2", auth.RoleUser},
		"our own word":      {"s3", map[string]any{"role": "ADMIN"}, "s3@example.com", "s3", auth.RoleUser},
		"role in a list":    {"s4", map[string]any{"role": []string{"admin"}}, "s4@example.com", "s4", auth.RoleUser},
		"role of a user's":  {"s5", map[string]any{"Role": "admin", "ROLE": "admin"}, "s5@example.com", "s5", auth.RoleUser},
		"no role":           {"s6", map[string]any{"role": nil}, "s6@example.com", "s6", auth.RoleUser},
		"no address":        {"s7", map[string]any{"email": nil}, "", "s7", auth.RoleUser},
		"address no text":   {"s8", map[string]any{"email": 8}, "", "s8", auth.RoleUser},
		"address with NUL":  {"s9", map[string]any{"email": "a\x00b@example.com"}, "", "s9", auth.RoleUser},
		"address too long":  {"s10", map[string]any{"email": strings.Repeat("a", 250) + "@example.com"}, "", "s10", auth.RoleUser},
		"names":             {"s11", map[string]any{"name": "Ada Lovelace"}, "s11@example.com", "Ada Lovelace", auth.RoleUser},
		"no time of issue":  {"s12", map[string]any{"iat": nil}, "s12@example.com", "s12", auth.RoleUser},
		"longest subject":   {long, map[string]any{"email": nil}, "", long, auth.RoleUser},
		"expiry in between": {"s14", map[string]any{"exp": float64(time.Now().Unix()) + 60.5}, "s14@example.com", "s14", auth.RoleUser},
	} {
		t.Run(name, func(t *testing.T) {
			got := me(t, s, issuer.Token(t, key, test.subject, test.claims))
			if got.Email != test.email || got.Username != test.username || got.Role != test.role {
				t.Errorf("the account is %+v", got)
			}
		})
	}
}

func TestAddressesDoNotMergeAccounts(t *testing.T) {
	t.Parallel()
	key := jwkstest.Ed25519(t, "key")
	issuer, second := jwkstest.New(t, key), jwkstest.New(t, key)
	options := apitest.Options{Issuers: []auth.Issuer{trusted(t, issuer), trusted(t, second)}}
	apitest.EachWith(t, options, func(t *testing.T, s *apitest.Service) {
		same := map[string]any{"email": "ada@example.com", "preferred_username": "ada"}
		before := me(t, s, issuer.Token(t, key, "7", same))
		local := register(s, "ada", "ada@example.com")
		after := me(t, s, issuer.Token(t, key, "7", same))
		elsewhere := me(t, s, second.Token(t, key, "7", same))
		named := me(t, s, issuer.Token(t, key, local.User.ID, same))
		if before != after || before.ID == local.User.ID || elsewhere.ID == before.ID || elsewhere.ID == local.User.ID {
			t.Errorf("accounts %s, %s, %s and %s", before.ID, after.ID, local.User.ID, elsewhere.ID)
		}
		if named.ID == local.User.ID || local.User.Issuer != "" {
			t.Errorf("a subject that is the id of %+v is %+v", local.User, named)
		}
		if session := login(s, "ada"); session.User.ID != local.User.ID {
			t.Errorf("the login opens %s", session.User.ID)
		}

		ada := bearer(t, s, local.AccessToken)
		theirs := bearer(t, s, issuer.Token(t, key, "7", same))
		talk := ada.Conversation()
		theirs.Get("/api/v1/conversations/" + talk.ID).Problem(problem.NotFound)
		if page := list(theirs, ""); page.Total != 0 {
			t.Errorf("the other account has %d conversations", page.Total)
		}
	})
}

func TestFirstRequestsAtOnceMakeOneAccount(t *testing.T) {
	t.Parallel()
	key := jwkstest.Ed25519(t, "key")
	issuer := jwkstest.New(t, key)
	url, redis, signing := storetest.PostgresURL(t), servertest.Redis(t), apitest.Key(t)
	var instances []*apitest.Service
	for range 2 {
		instances = append(instances, apitest.Start(t, apitest.Options{
			Store: storetest.Open(t, url), Cache: apitest.Redis(t, redis), Key: signing,
			Issuers: []auth.Issuer{trusted(t, issuer)},
		}))
	}
	token := issuer.Token(t, key, "everywhere", nil)
	var ids sync.Map
	var callers sync.WaitGroup
	for caller := range 50 {
		callers.Go(func() { ids.Store(me(t, instances[caller%2], token).ID, true) })
	}
	callers.Wait()
	count := 0
	ids.Range(func(any, any) bool { count++; return true })
	if count != 1 {
		t.Errorf("there are %d accounts", count)
	}
}

func TestRoleFollowsTheNewestToken(t *testing.T) {
	t.Parallel()
	key := jwkstest.Ed25519(t, "key")
	issuer := jwkstest.New(t, key)
	url, redis, signing := storetest.PostgresURL(t), servertest.Redis(t), apitest.Key(t)
	start := func() *apitest.Service {
		return apitest.Start(t, apitest.Options{
			Store: storetest.Open(t, url), Cache: apitest.Redis(t, redis), Key: signing,
			Issuers: []auth.Issuer{trusted(t, issuer)},
		})
	}
	here, there := start(), start()
	ago := func(seconds int, role string) string {
		return issuer.Token(t, key, "7", map[string]any{"iat": time.Now().Unix() - int64(seconds), "role": role})
	}
	user, admin, demoted := ago(30, "user"), ago(20, "admin"), ago(10, "user")
	refresh := func(s *apitest.Service, token string) *apitest.Reply {
		return bearer(t, s, token).Post("/api/v1/models/sync", nil)
	}

	for _, s := range []*apitest.Service{here, there} {
		refresh(s, user).Problem(problem.Forbidden)
	}
	refresh(here, admin).Status(http.StatusOK)
	if got := me(t, here, user); got.Role != auth.RoleAdmin {
		t.Errorf("with an older token the role is %s", got.Role)
	}
	apitest.Eventually(t, "the other instance knows", func() bool { return refresh(there, user).StatusCode == http.StatusOK })
	refresh(there, demoted).Problem(problem.Forbidden)
	apitest.Eventually(t, "the administrator's token is worth nothing", func() bool {
		return refresh(here, admin).StatusCode == http.StatusForbidden
	})
	if got := me(t, here, admin); got.Role != auth.RoleUser {
		t.Errorf("after all the role is %s", got.Role)
	}
}

func TestIssuerThatIsAway(t *testing.T) {
	t.Parallel()
	key, next := jwkstest.Ed25519(t, "key"), jwkstest.Ed25519(t, "next")
	issuer := jwkstest.New(t, key)
	s := apitest.Start(t, apitest.Options{Issuers: []auth.Issuer{trusted(t, issuer)}})
	me(t, s, issuer.Token(t, key, "7", nil))
	issuer.Reply(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	me(t, s, issuer.Token(t, key, "7", nil))
	me(t, s, issuer.Token(t, key, "8", nil))
	bearer(t, s, issuer.Token(t, next, "7", nil)).Get("/api/v1/auth/me").Problem(problem.TokenKeyUnknown)

	down := jwkstest.New(t, key)
	down.Reply(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	early := apitest.Start(t, apitest.Options{Issuers: []auth.Issuer{trusted(t, down)}})
	bearer(t, early, down.Token(t, key, "7", nil)).Get("/api/v1/auth/me").Problem(problem.Unavailable)
	early.User().Get("/api/v1/auth/me").Status(http.StatusOK)
}

func TestDatabaseThatIsAwayIsNotTakenForAStranger(t *testing.T) {
	t.Parallel()
	key := jwkstest.Ed25519(t, "key")
	issuer := jwkstest.New(t, key)
	db := storetest.SQLite(t)
	s := apitest.Start(t, apitest.Options{Store: db, Issuers: []auth.Issuer{trusted(t, issuer)}})
	me(t, s, issuer.Token(t, key, "7", nil))
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	bearer(t, s, issuer.Token(t, key, "7", nil)).Get("/api/v1/conversations").Problem(problem.Unavailable)
	bearer(t, s, issuer.Token(t, key, "8", nil)).Get("/api/v1/conversations").Problem(problem.Unavailable)
}

func TestBadTokensOnOpenAIsWire(t *testing.T) {
	t.Parallel()
	key := jwkstest.Ed25519(t, "key")
	issuer := jwkstest.New(t, key)
	s := apitest.Start(t, apitest.Options{Issuers: []auth.Issuer{trusted(t, issuer)}})
	for kind, token := range map[problem.Kind]string{
		problem.TokenMalformed: "opaque-session-token",
		problem.TokenAudience:  issuer.Token(t, key, "7", map[string]any{"aud": "other"}),
	} {
		reply := bearer(t, s, token).Post(completions, completion(apitest.Model, "Hi")).Status(http.StatusUnauthorized)
		if got := envelope(reply); got.Code != kind.Code() || got.Type != "authentication_error" {
			t.Errorf("the envelope is %+v", got)
		}
		if got, want := reply.Header.Get("WWW-Authenticate"), `error_description="`+kind.Code()+`"`; !strings.Contains(got, want) {
			t.Errorf("WWW-Authenticate is %s", got)
		}
	}
	bearer(t, s, issuer.Token(t, key, "7", nil)).Post(completions, completion(apitest.Model, "Hi")).Status(http.StatusOK)
}
