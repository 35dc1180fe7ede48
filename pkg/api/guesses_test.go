package api_test

import (
	"bytes"
	"net/http"
	"regexp"
	"sync"
	"testing"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/problem"
)

func guess(name, password string) map[string]string {
	return map[string]string{"username": name, "password": password}
}

const loginPath = "/api/v1/auth/login"

func TestParallelGuessesNeverExceedTheLimitOfAnAccount(t *testing.T) {
	t.Parallel()
	set := apitest.DefaultLimits()
	set.LoginAccount, set.LoginAddress = 10, 0
	apitest.EachWith(t, apitest.Options{Limits: set}, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		names := []string{user.Session.User.Username, user.Session.User.Email, "nobody", "Nobody "}
		for account := range 2 { // one that exists, and one that does not
			replies := make([]*apitest.Reply, 200)
			var wait sync.WaitGroup
			for i := range replies {
				wait.Go(func() {
					for replies[i] == nil || replies[i].StatusCode == http.StatusServiceUnavailable { // it was not checked
						replies[i] = s.Nobody().Post(loginPath, guess(names[2*account+i%2], "a wrong password"))
					}
				})
			}
			wait.Wait()
			checked := 0
			for _, reply := range replies {
				if reply.StatusCode == http.StatusUnauthorized {
					reply.Problem(problem.InvalidCredentials)
					checked++
				} else {
					limited(t, reply, "logins", 10)
				}
			}
			if checked != 10 {
				t.Errorf("%d guesses at %s were checked, want 10", checked, names[2*account])
			}
		}
		limited(t, s.Nobody().Post(loginPath, guess(names[0], "a long password")), "logins", 10)
		s.Login(s.User()) // of somebody else, from the same address
		user.Get(whoAmI).Status(http.StatusOK)
	})
}

func TestNobodyLearnsFromALimitWhichAccountsExist(t *testing.T) {
	t.Parallel()
	set := apitest.DefaultLimits()
	set.LoginAccount = 2
	apitest.EachWith(t, apitest.Options{Limits: set}, func(t *testing.T, s *apitest.Service) {
		known, same := s.User().Session.User.Username, "X-Request-Id: same"
		for i := range 4 {
			one := s.Nobody().Post(loginPath, guess(known, "a wrong password"), same)
			other := s.Nobody().Post(loginPath, guess("nobody", "a wrong password"), same)
			if one.StatusCode != other.StatusCode || !bytes.Equal(timeless(one), timeless(other)) {
				t.Errorf("try %d: %d %s, and without an account %d %s", i, one.StatusCode, one.Bytes, other.StatusCode, other.Bytes)
			}
		}
	})
}

var waits = regexp.MustCompile(`"retryAfter":\d{3}`)

// timeless is an answer without what depends on when it is given.
func timeless(reply *apitest.Reply) []byte { return waits.ReplaceAll(reply.Bytes, nil) }

func TestRightLoginsCostNothing(t *testing.T) {
	t.Parallel()
	set := apitest.DefaultLimits()
	set.LoginAccount, set.LoginAddress = 2, 3
	apitest.EachWith(t, apitest.Options{Limits: set}, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		s.Nobody().Post(loginPath, guess(user.Session.User.Username, "a wrong password")).Problem(problem.InvalidCredentials)
		for range 5 {
			s.Login(user)
		}
		s.Nobody().Post(loginPath, guess(user.Session.User.Email, "a wrong password")).Problem(problem.InvalidCredentials)
		limited(t, s.Nobody().Post(loginPath, guess(user.Session.User.Username, "a long password")), "logins", 2)
	})
}

func TestWrongCurrentPasswordsAreGuesses(t *testing.T) {
	t.Parallel()
	set := apitest.DefaultLimits()
	set.LoginAccount = 3
	apitest.EachWith(t, apitest.Options{Limits: set}, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		change := func(current string) *apitest.Reply {
			return user.Post("/api/v1/auth/password", map[string]string{"currentPassword": current, "newPassword": "a long password"})
		}
		change("a wrong password").Problem(problem.Invalid)
		s.Nobody().Post(loginPath, guess(user.Session.User.Username, "a wrong password")).Problem(problem.InvalidCredentials)
		change("a long password").Status(http.StatusNoContent) // which costs nothing
		change("a wrong password").Problem(problem.Invalid)
		limited(t, change("a long password"), "logins", 3)
		limited(t, s.Nobody().Post(loginPath, guess(user.Session.User.Email, "a long password")), "logins", 3)
	})
}

func TestGuessesOfAnAddressAreCounted(t *testing.T) {
	t.Parallel()
	// It has a checksum of its own, and nobody has it.
	const key = "Authorization: Bearer dck_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	set := apitest.DefaultLimits()
	set.LoginAddress = 5
	apitest.EachWith(t, apitest.Options{Limits: set}, func(t *testing.T, s *apitest.Service) {
		user, nobody := s.User(), s.Nobody()
		taken := map[string]string{"email": user.Session.User.Email, "username": "other", "password": "a long password"}
		refresh := map[string]string{"refreshToken": "a guess"}
		nobody.Post("/api/v1/auth/register", taken).Problem(problem.AlreadyExists)
		nobody.Post(loginPath, guess("nobody", "a wrong password")).Problem(problem.InvalidCredentials)
		nobody.Post(loginPath, guess(user.Session.User.Username, "a wrong password")).Problem(problem.InvalidCredentials)
		nobody.Post("/api/v1/auth/refresh", refresh).Problem(problem.InvalidCredentials)
		nobody.Get("/api/v1/models", key).Problem(problem.Unauthenticated)

		limited(t, nobody.Post("/api/v1/auth/register", taken), "logins", 5)
		limited(t, nobody.Post(loginPath, guess("somebody", "a wrong password")), "logins", 5)
		limited(t, nobody.Post("/api/v1/auth/refresh", refresh), "logins", 5)
		limited(t, nobody.Get("/api/v1/models", key), "logins", 5)
		// What nobody guesses is let in all the same.
		user.Post("/api/v1/auth/refresh", map[string]string{"refreshToken": user.Session.RefreshToken}).Status(http.StatusOK)
		user.Get("/api/v1/models").Status(http.StatusOK)
	})
}
