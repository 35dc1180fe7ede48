package api_test

import (
	"bufio"
	"database/sql"
	"net/http"
	"testing"
	"time"

	"dreamchat/pkg/api"
	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/servertest"
	"dreamchat/pkg/store/storetest"
)

func quick(server *api.Server) { server.Heartbeat = 50 * time.Millisecond }

// No ring goes from one instance to the other here, so the reader looks by
// itself.
func TestFeedNeedsNoRing(t *testing.T) {
	t.Parallel()
	store := storetest.Postgres(t)
	key := apitest.Key(t)
	here := apitest.Start(t, apitest.Options{Store: store, Key: key})
	there := apitest.Start(t, apitest.Options{Store: store, Key: key, Change: quick})
	user := here.User()
	stream := changes(t, there.As(user))
	isReset(t, stream, "start", "0")
	user.Ask(user.Conversation().ID, "Hi")
	sameChanges(t, next(t, stream, 8), numbered(t, here, user))
}

// With Redis a ring goes to every instance: this reader does not look by itself.
func TestFeedHearsOtherInstances(t *testing.T) {
	t.Parallel()
	store, key, redis := storetest.Postgres(t), apitest.Key(t), servertest.Redis(t)
	instance := func() *apitest.Service {
		return apitest.Start(t, apitest.Options{Store: store, Key: key, Cache: apitest.Redis(t, redis), Change: patient})
	}
	here, there := instance(), instance()
	user := here.User()
	stream := changes(t, there.As(user))
	isReset(t, stream, "start", "0")
	user.Ask(user.Conversation().ID, "Hi")
	sameChanges(t, next(t, stream, 8), numbered(t, here, user))
}

func TestFeedWhileDraining(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := s.User()
	stream := changes(t, user)
	isReset(t, stream, "start", "0")
	s.Shutdown()
	if last := stream.Last(); last.Name != "stream_reconnect" || last.Data["reason"] != "draining" {
		t.Errorf("the reader is told %+v", last)
	}
}

// A database that goes away costs the reader nothing; who comes meanwhile is
// asked to come again.
func TestFeedWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	database := servertest.StartPostgres(t)
	store := storetest.Open(t, database.URL)
	if _, err := store.MigrateUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := apitest.Start(t, apitest.Options{Store: store, Change: quick})
	user := s.User()
	program := withKey(s, user, "read") // whom nobody knows then
	stream := changes(t, user)
	isReset(t, stream, "start", "0")
	bystander := user.Open(t.Context(), http.MethodGet, feed, nil)
	defer bystander.Body.Close()

	database.Stop()
	for _, comer := range []*apitest.User{user, program} {
		if last := changes(t, comer, "Last-Event-ID: 0").Last(); last.Name != "stream_reconnect" || last.Data["reason"] != "unavailable" {
			t.Errorf("who comes is told %+v", last)
		}
	}
	program.Get("/api/v1/models").Problem(problem.Unavailable)
	program.Token = program.Token[:62] + "7" // which the last of a checksum never is
	program.Get("/api/v1/models").Problem(problem.Unauthenticated)
	heartbeats(t, bystander, 3) // so both have looked in vain

	database.Start()
	apitest.Eventually(t, "the database is back", func() bool { return store.Ping(t.Context()) == nil })
	user.Conversation()
	sameChanges(t, next(t, stream, 1), numbered(t, s, user))
}

// heartbeats reads until so many have come.
func heartbeats(t *testing.T, stream *http.Response, n int) {
	t.Helper()
	lines := bufio.NewScanner(stream.Body)
	for n > 0 && lines.Scan() {
		if lines.Text() == ": hb" {
			n--
		}
	}
	if n > 0 {
		t.Fatalf("the stream ends %d heartbeats too early", n)
	}
}

func TestFeedThatCannotBeRead(t *testing.T) {
	t.Parallel()
	eachWithSQL(t, func(t *testing.T, s *apitest.Service, db *sql.DB) {
		user := s.User()
		execute(t, db, "ALTER TABLE changes RENAME TO away")
		stream := changes(t, user)
		isReset(t, stream, "start", "0")
		if last := stream.Last(); last.Name != "stream_reconnect" || last.Data["reason"] != "unavailable" {
			t.Errorf("the reader is told %+v", last)
		}
	})
}
