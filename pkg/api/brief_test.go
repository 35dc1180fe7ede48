package api_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/store/storetest"
)

// A database that is there and stands still holds no request for ever.
func TestDatabaseThatStandsStill(t *testing.T) {
	t.Parallel()
	url := storetest.PostgresURL(t)
	s := apitest.Start(t, apitest.Options{Store: storetest.Open(t, url)})
	user := s.User()
	conversation := user.Conversation()
	answer := user.Ask(conversation.ID, "Hi").Message
	path := "/api/v1/conversations/" + conversation.ID
	tx, err := openSQL(t, "pgx", url).BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(t.Context(), "LOCK TABLE users, conversations, messages"); err != nil {
		t.Fatal(err)
	}

	begun := time.Now()
	var all sync.WaitGroup
	for _, refused := range []func() *apitest.Reply{
		func() *apitest.Reply { return user.Get(path) },
		func() *apitest.Reply { return user.Get(path + "/messages") },
		func() *apitest.Reply { return user.Get("/api/v1/auth/me") },
		func() *apitest.Reply { return user.Post(path+"/messages", map[string]string{"content": "Hi"}) },
		func() *apitest.Reply { return user.Post("/api/v1/messages/"+answer.ID+"/regenerate", nil) },
	} {
		all.Go(func() {
			reply := refused()
			reply.Problem(problem.Unavailable)
			if reply.Header.Get("Retry-After") == "" {
				t.Error("nothing says when to come again")
			}
		})
	}
	all.Go(func() {
		if last := user.Follow(t.Context(), answer.ID).Last(); last.Name != "stream_reconnect" || last.Data["reason"] != "unavailable" {
			t.Errorf("a reader is told %+v", last)
		}
	})
	all.Go(func() {
		if last := changes(t, user).Last(); last.Name != "stream_reconnect" || last.Data["reason"] != "unavailable" {
			t.Errorf("a reader of the feed is told %+v", last)
		}
	})
	all.Wait()
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("the answers took %v", took)
	}

	if err := tx.Rollback(); err != nil {
		t.Fatal(err)
	}
	user.Get(path).Status(http.StatusOK)
}
