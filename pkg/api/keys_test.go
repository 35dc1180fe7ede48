package api_test

import (
	"log/slog"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"dreamchat/pkg/api"
	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/auth"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/servertest"
	"dreamchat/pkg/store"
	"dreamchat/pkg/store/storetest"
)

// keyed are two instances that look for signing keys all the time.
func keyed(t *testing.T, test func(t *testing.T, here, there *apitest.Service, rotate func(overlap time.Duration))) {
	t.Helper()
	run := func(t *testing.T, start func(apitest.Options) *apitest.Service) {
		t.Helper()
		options := apitest.Options{Key: apitest.Key(t), Change: func(server *api.Server) {
			server.Tokens.Keys.Every = 10 * time.Millisecond
		}}
		here, there := start(options), start(options)
		test(t, here, there, func(overlap time.Duration) {
			// As the command does, which is a process of its own.
			keys := auth.NewSigningKeys(options.Key, here.Store, slog.New(slog.DiscardHandler))
			keys.Overlap = overlap
			if _, err := keys.Rotate(t.Context(), 0, false); err != nil {
				t.Fatal(err)
			}
		})
	}
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		url := storetest.SQLiteURL(t)
		run(t, func(options apitest.Options) *apitest.Service { return shared(t, options, storetest.Open(t, url)) })
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		url, redis := storetest.PostgresURL(t), servertest.Redis(t)
		run(t, func(options apitest.Options) *apitest.Service {
			options.Cache = apitest.Redis(t, redis)
			return shared(t, options, storetest.Open(t, url))
		})
	})
}

func shared(t *testing.T, options apitest.Options, opened *store.Store) *apitest.Service {
	t.Helper()
	options.Store = opened
	return apitest.Start(t, options)
}

// keyOf names the key that a token is signed with.
func keyOf(t *testing.T, token string) string {
	t.Helper()
	parsed, _, err := jwt.NewParser().ParseUnverified(token, jwt.MapClaims{})
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Header["kid"].(string)
}

// published are the keys that a service tells of.
func published(s *apitest.Service) (ids []string) {
	set := apitest.Decode[struct{ Keys []struct{ Kid string } }](s.Nobody().Get("/.well-known/jwks.json").Status(http.StatusOK))
	for _, key := range set.Keys {
		ids = append(ids, key.Kid)
	}
	return ids
}

func TestKeysOfTokensRotateAndRetire(t *testing.T) {
	t.Parallel()
	keyed(t, func(t *testing.T, here, there *apitest.Service, rotate func(time.Duration)) {
		user := here.User()
		old, ticket := user.Token, ticketFor(user, "/api/v1/events")
		signsAnew := func(s *apitest.Service) (token string) {
			apitest.Eventually(t, "the new key signs", func() bool {
				token = s.Login(user).Token
				return keyOf(t, token) != keyOf(t, old)
			})
			return token
		}
		bearer := func(token string) string { return "Authorization: Bearer " + token }

		rotate(time.Hour)
		fresh := signsAnew(here)
		for _, s := range []*apitest.Service{here, there} {
			for _, token := range []string{old, fresh, signsAnew(s)} {
				s.Nobody().Get("/api/v1/auth/me", bearer(token)).Status(http.StatusOK)
			}
			if status := open(t, s, "/api/v1/events", ticket); status != http.StatusOK {
				t.Errorf("a ticket of before is answered %d", status)
			}
			if got := published(s); len(got) != 2 || got[0] != keyOf(t, fresh) || got[1] != keyOf(t, old) {
				t.Errorf("published are %s", got)
			}
		}

		rotate(time.Microsecond) // and so the second key ends at once
		for _, s := range []*apitest.Service{here, there} {
			apitest.Eventually(t, "the retired key is refused", func() bool {
				return s.Nobody().Get("/api/v1/auth/me", bearer(fresh)).StatusCode == http.StatusUnauthorized
			})
			s.Nobody().Get("/api/v1/auth/me", bearer(fresh)).Problem(problem.TokenKeyUnknown)
			s.Nobody().Get("/api/v1/auth/me", bearer(old)).Status(http.StatusOK) // it has its hour
			s.Nobody().Get("/api/v1/auth/me", bearer(s.Login(user).Token)).Status(http.StatusOK)
			if slices.Contains(published(s), keyOf(t, fresh)) {
				t.Error("the retired key is published")
			}
		}
		apitest.Eventually(t, "the retired key is deleted", func() bool {
			keys, err := here.Store.SigningKeys(t.Context())
			return err == nil && len(keys) == 2
		})
	})
}
