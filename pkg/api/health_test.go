package api_test

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dreamchat/pkg/api"
	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/servertest"
	"dreamchat/pkg/store"
	"dreamchat/pkg/store/storetest"
)

// health is what the service tells of itself.
type health struct {
	Status string
	Checks map[string]string
}

func ready(s *apitest.Service, status int) health {
	return apitest.Decode[health](s.Nobody().Get("/readyz").Status(status))
}

func TestHealthWhenAllIsWell(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		if got := ready(s, http.StatusOK); got.Status != "ok" || got.Checks["database"] != "ok" || got.Checks["cache"] != "ok" {
			t.Errorf("ready: %+v", got)
		}
		if got := apitest.Decode[health](s.Nobody().Get("/healthz").Status(http.StatusOK)); got.Status != "ok" {
			t.Errorf("healthy: %+v", got)
		}
	})
}

func TestHealthAsksOnceForAll(t *testing.T) {
	t.Parallel()
	const requests = 100
	var asked atomic.Int64
	s := apitest.Start(t, apitest.Options{Change: func(server *api.Server) {
		ping := server.Checks[0].Ping
		server.Checks[0].Ping = func(ctx context.Context) error {
			asked.Add(1)
			return ping(ctx)
		}
	}})
	begun := time.Now()
	var all sync.WaitGroup
	for i := range requests {
		all.Go(func() {
			if i%2 == 0 {
				ready(s, http.StatusOK)
			} else if up := metric(t, s, `dreamchat_dependency_up{name="database"}`); up != 1 {
				t.Errorf("the metrics say %v", up)
			}
		})
	}
	all.Wait()
	most := 1 + int64(time.Since(begun)/time.Second) // an answer is told for a second
	if got := asked.Load(); got < 1 || got > most {
		t.Errorf("the database is asked %d times for %d requests, want %d at most", got, requests, most)
	}
}

func TestHealthWithoutTheDatabase(t *testing.T) {
	t.Parallel()
	postgres := servertest.StartPostgres(t)
	opened, err := store.Open(t.Context(), postgres.URL, store.Options{ConnectTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	if _, err := opened.MigrateUp(context.Background()); err != nil {
		t.Fatal(err)
	}
	s := apitest.Start(t, apitest.Options{Store: opened})
	defer s.Stop()
	user := s.User()
	conversation := create(user, "kept")
	asked := user.Ask(conversation.ID, "Hello")

	postgres.Stop()
	if got := ready(s, http.StatusServiceUnavailable); got.Status != "down" || got.Checks["database"] != "down" || got.Checks["cache"] != "ok" {
		t.Errorf("ready: %+v", got)
	}
	for name, want := range map[string]float64{"database": 0, "cache": 1} {
		if got := metric(t, s, `dreamchat_dependency_up{name="`+name+`"}`); got != want {
			t.Errorf("the metrics say %v of %s", got, name)
		}
	}
	s.Nobody().Get("/healthz").Status(http.StatusOK)
	for _, test := range []struct {
		method, path string
		body         any
	}{
		{"POST", "/api/v1/auth/login", credentials("ada", password)},
		{"POST", "/api/v1/auth/register", account("ada", "ada@example.com", password)},
		{"POST", "/api/v1/auth/refresh", token(user.Session.RefreshToken)},
		{"GET", "/api/v1/auth/me", nil},
		{"POST", "/api/v1/conversations", map[string]any{}},
		{"GET", "/api/v1/conversations", nil},
		{"GET", "/api/v1/conversations/" + conversation.ID, nil},
		{"PATCH", "/api/v1/conversations/" + conversation.ID, map[string]any{"title": "lost"}},
		{"DELETE", "/api/v1/conversations/" + conversation.ID, nil},
		{"GET", "/api/v1/conversations/" + conversation.ID + "/messages", nil},
		{"POST", "/api/v1/conversations/" + conversation.ID + "/messages", map[string]any{"content": "Hello?"}},
		{"GET", "/api/v1/messages/" + asked.Message.ID, nil},
		{"POST", "/api/v1/messages/" + asked.Message.ID + "/regenerate", map[string]any{}},
		{"GET", "/api/v1/usage", nil},
	} {
		t.Run(test.method+" "+test.path, func(t *testing.T) {
			user.In(t).Do(test.method, test.path, test.body).Problem(problem.Unavailable)
		})
	}

	postgres.Start()
	apitest.Eventually(t, "the service is ready again", func() bool {
		return s.Nobody().Get("/readyz").StatusCode == http.StatusOK
	})
	if got := show(user, conversation.ID); got.Title != "kept" || got.MessageCount != 2 {
		t.Errorf("afterwards the conversation is %+v", got)
	}
	if answer := user.Ask(conversation.ID, "Hello again").Message; answer.Status != chat.StatusComplete {
		t.Errorf("afterwards an answer is %+v", answer)
	}
	login := s.User()
	login.Get("/api/v1/auth/me").Status(http.StatusOK)
}

func TestHealthWithoutRedis(t *testing.T) {
	t.Parallel()
	redis := servertest.StartRedis(t)
	s := apitest.Start(t, apitest.Options{Store: storetest.Postgres(t), Cache: apitest.Redis(t, redis.URL)})
	user := s.User()
	conversation := create(user, "before")

	redis.Stop()
	apitest.Eventually(t, "the service says that it is degraded", func() bool {
		got := ready(s, http.StatusOK)
		return got.Status == "degraded" && got.Checks["cache"] == "down" && got.Checks["database"] == "ok"
	})
	if got := len(models(user)); got != 7 {
		t.Errorf("%d models", got)
	}
	patch(user, conversation.ID, `{"title":"meanwhile"}`).Status(http.StatusOK)
	if got := titles(list(user, "")); got != "meanwhile" {
		t.Errorf("meanwhile the list is %q", got)
	}
	user.Ask(conversation.ID, "Hello")
	if got := list(user, "").Data[0].MessageCount; got != 2 {
		t.Errorf("meanwhile the list tells of %d messages", got)
	}

	redis.Start()
	apitest.Eventually(t, "the service is whole again", func() bool { return ready(s, http.StatusOK).Status == "ok" })
	patch(user, conversation.ID, `{"title":"after"}`).Status(http.StatusOK)
	for range 2 {
		if got := titles(list(user, "")); got != "after" {
			t.Errorf("afterwards the list is %q", got)
		}
	}
}
