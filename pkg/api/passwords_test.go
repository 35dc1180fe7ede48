package api_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/auth"
	"dreamchat/pkg/id"
	"dreamchat/pkg/problem"
)

func passwords(current, fresh string) map[string]any {
	return map[string]any{"currentPassword": current, "newPassword": fresh}
}

func TestPasswordChangeEndsTheOtherSessions(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user, stranger := s.User(), s.User()
		phone, laptop := device(s, user, "Phone/1"), device(s, user, "Laptop/1")
		keyed := withKey(s, user, "read")
		laptop.Post("/api/v1/auth/password", passwords(userPassword, "another password")).Status(http.StatusNoContent)

		shutOut(t, s, user)
		shutOut(t, s, phone)
		laptop = refreshed(s, laptop)
		if list := sessions(laptop); len(list) != 1 || !list[0].Current {
			t.Errorf("the sessions are %+v", list)
		}
		keyed.Get("/api/v1/models").Status(http.StatusOK)
		stranger.Get("/api/v1/auth/me").Status(http.StatusOK)
		name := user.Session.User.Username
		s.Nobody().Post("/api/v1/auth/login", credentials(name, userPassword)).Problem(problem.InvalidCredentials)
		s.Nobody().Post("/api/v1/auth/login", credentials(name, "another password")).Status(http.StatusOK)
	})
}

func TestPasswordChangeOnOneInstanceEndsSessionsOnAnother(t *testing.T) {
	t.Parallel()
	here, there := pair(t, apitest.Options{})
	user := here.User()
	phone := device(there, user, "Phone/1")
	feed := there.As(user).Stream(t.Context(), http.MethodGet, "/api/v1/events", nil)
	here.As(phone).Post("/api/v1/auth/password", passwords(userPassword, "another password")).Status(http.StatusNoContent)
	endsWith(t, "feed", feed, problem.SessionEnded)
	shutOut(t, there, user)
	phone.Get("/api/v1/auth/me").Status(http.StatusOK)
}

func TestPasswordChangeNamesWhatIsWrong(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		other := device(s, user, "Other/1")
		for _, test := range []struct {
			name     string
			body     map[string]any
			pointers string
		}{
			{"nothing", map[string]any{}, "/currentPassword /newPassword"},
			{"wrong", passwords("not the password", "another password"), "/currentPassword"},
			{"empty", passwords("", "another password"), "/currentPassword"},
			{"too short", passwords(userPassword, "1234567"), "/newPassword"},
			{"too long", passwords(userPassword, strings.Repeat("a", 129)), "/newPassword"},
			{"too many bytes", passwords(userPassword, strings.Repeat("👩‍👩‍👧‍👦", 18)+"aaaa"), "/newPassword"},
			{"U+0000", passwords(userPassword, "a long\x00password"), "/newPassword"},
			{"null", map[string]any{"currentPassword": nil, "newPassword": nil}, "/currentPassword /newPassword"},
		} {
			t.Run(test.name, func(t *testing.T) {
				document := user.In(t).Post("/api/v1/auth/password", test.body).Problem(problem.Invalid)
				if got := pointers(document); got != test.pointers {
					t.Errorf("pointers %q, want %q", got, test.pointers)
				}
			})
		}
		user.Post("/api/v1/auth/password", passwords(userPassword, strings.Repeat("😀", 128))).Status(http.StatusNoContent)
		shutOut(t, s, other)
		user.Post("/api/v1/auth/password", passwords(strings.Repeat("😀", 128), "12345678")).Status(http.StatusNoContent)
	})
}

func TestAccountWithoutAPasswordHasNoneToChange(t *testing.T) {
	t.Parallel()
	key := apitest.Key(t)
	apitest.EachWith(t, apitest.Options{Key: key}, func(t *testing.T, s *apitest.Service) {
		at := time.Now().UTC()
		external := auth.User{ID: id.New(), Email: "eve@example.com", Username: "eve", Role: auth.RoleUser, CreatedAt: at, UpdatedAt: at}
		if err := s.Store.CreateUser(t.Context(), external); err != nil {
			t.Fatal(err)
		}
		eve := s.As(&apitest.User{Token: signer{key, external.ID}.fresh(t)})
		eve.Post("/api/v1/auth/password", passwords("a long password", "another password")).Problem(problem.Conflict)
		if list := sessions(eve); len(list) != 0 {
			t.Errorf("the sessions are %+v", list)
		}
	})
}

func TestLoginsAtOnceAreAnsweredAll(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user, replies := s.User(), make([]*apitest.Reply, 200)
		var all sync.WaitGroup
		for i := range replies {
			caller := s.Nobody()
			all.Go(func() {
				replies[i] = caller.Post("/api/v1/auth/login", credentials(user.Session.User.Username, userPassword))
			})
		}
		all.Wait()
		in := 0
		for _, reply := range replies {
			switch reply.StatusCode {
			case http.StatusOK:
				in++
			case http.StatusServiceUnavailable, http.StatusTooManyRequests:
				if reply.Header.Get("Retry-After") == "" {
					t.Errorf("%d without Retry-After", reply.StatusCode)
				}
			default:
				t.Errorf("%d: %s", reply.StatusCode, reply.Bytes)
			}
		}
		if in == 0 {
			t.Error("nobody came in")
		}
		s.Nobody().Post("/api/v1/auth/login", credentials(user.Session.User.Username, userPassword)).Status(http.StatusOK)
	})
}
