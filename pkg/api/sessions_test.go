package api_test

import (
	"bytes"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"dreamchat/pkg/api"
	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/auth"
	"dreamchat/pkg/id"
	"dreamchat/pkg/problem"
)

type openSession struct {
	ID         string    `json:"id"`
	Device     string    `json:"device"`
	Address    string    `json:"address"`
	CreatedAt  time.Time `json:"createdAt"`
	LastUsedAt time.Time `json:"lastUsedAt"`
	ExpiresAt  time.Time `json:"expiresAt"`
	Current    bool      `json:"current"`
}

func sessions(user *apitest.User) []openSession {
	reply := user.Get("/api/v1/auth/sessions").Status(http.StatusOK)
	return apitest.Decode[struct{ Data []openSession }](reply).Data
}

// device lets a user in once more, on a device of this name.
func device(s *apitest.Service, user *apitest.User, name string) *apitest.User {
	reply := s.Nobody().Post("/api/v1/auth/login", credentials(user.Session.User.Username, userPassword), "User-Agent: "+name)
	in := s.Nobody()
	in.Session = apitest.Decode[auth.Session](reply.Status(http.StatusOK))
	in.Token = in.Session.AccessToken
	return in
}

// userPassword is that of the users of a service.
const userPassword = "a long password"

// refreshed is the user with the next pair.
func refreshed(s *apitest.Service, user *apitest.User, headers ...string) *apitest.User {
	next := s.Nobody()
	reply := next.Post("/api/v1/auth/refresh", token(user.Session.RefreshToken), headers...)
	next.Session = apitest.Decode[auth.Session](reply.Status(http.StatusOK))
	next.Token = next.Session.AccessToken
	return next
}

// shutOut wants nothing that came of a login to be good any more.
func shutOut(t *testing.T, s *apitest.Service, user *apitest.User) {
	t.Helper()
	s.As(user).In(t).Get("/api/v1/auth/me").Problem(problem.SessionEnded)
	s.Nobody().In(t).Post("/api/v1/auth/refresh", token(user.Session.RefreshToken)).Problem(problem.InvalidCredentials)
}

func TestSessionsAreListed(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		phone, laptop := device(s, user, "Phone/1"), device(s, user, "Laptop/1")
		phone = refreshed(s, phone, "User-Agent: Phone/2")
		list := sessions(laptop)
		if len(list) != 3 {
			t.Fatalf("the sessions are %+v", list)
		}
		for i, want := range []string{"Phone/2", "Laptop/1", "Go-http-client/1.1"} {
			session := list[i]
			if session.Device != want || session.Current != (want == "Laptop/1") || session.Address != "127.0.0.1" ||
				session.LastUsedAt.Before(session.CreatedAt) || time.Until(session.ExpiresAt) < 29*24*time.Hour {
				t.Errorf("session %d is %+v, want %s", i, session, want)
			}
		}
		if moved := list[0]; !moved.LastUsedAt.After(moved.CreatedAt) || moved.ExpiresAt.Sub(moved.LastUsedAt) != 30*24*time.Hour {
			t.Errorf("after a refresh: %+v", moved)
		}
		if list := sessions(phone); !list[0].Current || list[1].Current || list[2].Current {
			t.Errorf("seen from the phone: %+v", list)
		}
		if list := sessions(s.User()); len(list) != 1 || !list[0].Current {
			t.Errorf("somebody else's sessions are %+v", list)
		}
	})
}

func TestDevicesNameThemselvesWithinBounds(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		for name, want := range map[string]string{
			strings.Repeat("a", 300):       strings.Repeat("a", 256),
			strings.Repeat("a", 255) + "€": strings.Repeat("a", 255),
			"Caf\xe9/1":                    "Caf/1",
			"Tab\t/1":                      "Tab/1",
		} {
			if list := sessions(device(s, user, name)); list[0].Device != want {
				t.Errorf("%q is %q, want %q", name, list[0].Device, want)
			}
		}
		silent := s.Nobody()
		reply := silent.Post("/api/v1/auth/login", credentials(user.Session.User.Username, userPassword), "User-Agent: ")
		silent.Token = apitest.Decode[auth.Session](reply.Status(http.StatusOK)).AccessToken
		for _, session := range sessions(silent) {
			if session.Current && session.Device != "Go-http-client/1.1" {
				t.Errorf("%+v", session)
			}
		}
	})
}

func TestSessionsAreEndedAtOnce(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user, stranger := s.User(), s.User()
		phone := device(s, user, "Phone/1")
		sessionID := sessions(phone)[0].ID
		end := func(by *apitest.User, id string) *apitest.Reply {
			return by.Do(http.MethodDelete, "/api/v1/auth/sessions/"+id, nil, "X-Request-Id: same")
		}
		unknown := end(user, id.New()).Status(http.StatusNotFound)
		if reply := end(stranger, sessionID).Status(http.StatusNotFound); !bytes.Equal(reply.Bytes, unknown.Bytes) {
			t.Errorf("somebody else's session: %s, an unknown one: %s", reply.Bytes, unknown.Bytes)
		}
		end(user, "nonsense").Problem(problem.NotFound)
		s.As(phone).Get("/api/v1/auth/me").Status(http.StatusOK)

		end(user, sessionID).Status(http.StatusNoContent)
		shutOut(t, s, phone)
		if reply := end(user, sessionID).Status(http.StatusNotFound); !bytes.Equal(reply.Bytes, unknown.Bytes) {
			t.Errorf("one that has ended: %s, an unknown one: %s", reply.Bytes, unknown.Bytes)
		}
		if list := sessions(user); len(list) != 1 || !list[0].Current {
			t.Errorf("the sessions are %+v", list)
		}
		end(user, sessions(user)[0].ID).Status(http.StatusNoContent) // one's own
		shutOut(t, s, user)
	})
}

func TestOneSessionTooManyEndsTheOneUsedLeast(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		account, err := s.Store.User(t.Context(), user.Session.User.ID)
		if err != nil {
			t.Fatal(err)
		}
		first := device(s, user, "First/1")
		user = refreshed(s, user)
		for range auth.MaxDevices - 2 {
			at := time.Now().UTC()
			token := auth.RefreshToken{ID: id.New(), FamilyID: id.New(), UserID: account.ID, Hash: id.New(), CreatedAt: at, ExpiresAt: at.Add(time.Hour)}
			_, err := s.Store.OpenDevice(t.Context(), auth.Opening{
				Device: auth.Device{ID: token.FamilyID, UserID: account.ID, CreatedAt: at, LastUsedAt: at, ExpiresAt: token.ExpiresAt},
				Token:  token, PasswordHash: account.PasswordHash, Most: auth.MaxDevices,
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		first.Get("/api/v1/auth/me").Status(http.StatusOK)
		last := device(s, user, "Last/1")
		shutOut(t, s, first)
		if list := sessions(user); len(list) != auth.MaxDevices || list[0].Device != "Last/1" {
			t.Errorf("%d sessions, the first is %+v", len(list), list[0])
		}
		last.Get("/api/v1/auth/me").Status(http.StatusOK)
	})
}

func TestRefreshesAtOnceGiveOnePair(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		refreshesGiveOnePair(t, s)
	})
}

func TestRefreshesAtOnceOnTwoInstancesGiveOnePair(t *testing.T) {
	t.Parallel()
	here, there := pair(t, apitest.Options{})
	refreshesGiveOnePair(t, here, there)
}

// refreshesGiveOnePair refreshes with one token fifty times at once.
func refreshesGiveOnePair(t *testing.T, instances ...*apitest.Service) {
	t.Helper()
	user := instances[0].User()
	replies := make([]*apitest.Reply, 50)
	var all sync.WaitGroup
	for i := range replies {
		caller := instances[i%len(instances)].Nobody()
		all.Go(func() { replies[i] = caller.Post("/api/v1/auth/refresh", token(user.Session.RefreshToken)) })
	}
	all.Wait()
	first := apitest.Decode[auth.Session](replies[0].Status(http.StatusOK))
	for _, reply := range replies {
		session := apitest.Decode[auth.Session](reply.Status(http.StatusOK))
		if session.AccessToken != first.AccessToken || session.RefreshToken != first.RefreshToken || session.User != first.User {
			t.Errorf("%s\nand\n%s", reply.Bytes, replies[0].Bytes)
		}
	}
	next := &apitest.User{Token: first.AccessToken, Session: first}
	for _, instance := range instances {
		if list := sessions(instance.As(next)); len(list) != 1 {
			t.Errorf("the sessions are %+v", list)
		}
	}
	refreshed(instances[0], next)
	// Now that the successor was used, only a thief can come with the old one.
	instances[0].Nobody().Post("/api/v1/auth/refresh", token(user.Session.RefreshToken)).Problem(problem.InvalidCredentials)
	shutOut(t, instances[0], next)
}

func TestReuseEndsTheSessionOnEveryInstanceAtOnce(t *testing.T) {
	t.Parallel()
	here, there := pair(t, apitest.Options{Change: func(s *api.Server) { s.Accounts.RefreshGrace = time.Microsecond }})
	user := here.User()
	other := here.Login(user)
	next := refreshed(here, user)
	next.Get("/api/v1/auth/me").Status(http.StatusOK)
	begun := time.Now()
	there.Nobody().Post("/api/v1/auth/refresh", token(user.Session.RefreshToken)).Problem(problem.InvalidCredentials)
	there.As(next).Get("/api/v1/auth/me").Problem(problem.SessionEnded)
	apitest.Eventually(t, "refused on the other instance", func() bool {
		return here.As(next).Get("/api/v1/auth/me").StatusCode == http.StatusUnauthorized
	})
	if took := time.Since(begun); took > 3*time.Second { // without a bell it takes five
		t.Errorf("that took %v", took)
	}
	shutOut(t, here, next)
	here.As(other).Get("/api/v1/auth/me").Status(http.StatusOK)
}
