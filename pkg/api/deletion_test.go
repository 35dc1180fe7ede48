package api_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/auth"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/servertest"
	"dreamchat/pkg/store"
	"dreamchat/pkg/store/storetest"
)

// livedIn is a user who has used all there is, and the ids of everything.
func livedIn(t *testing.T, s *apitest.Service) (*apitest.User, []string) {
	t.Helper()
	user := s.User()
	named, unnamed := user.Conversation(), create(user, "")
	first, second := user.Ask(named.ID, "Hello"), user.Ask(unnamed.ID, "Hello")
	apitest.Eventually(t, "titled", func() bool { return show(user, unnamed.ID).Title != "" })
	again := apitest.Decode[apitest.Exchange](user.Post("/api/v1/messages/"+first.Message.ID+"/regenerate", nil, "Accept: application/json"))
	fork := apitest.Decode[chat.Conversation](user.Post("/api/v1/conversations/"+named.ID+"/fork", map[string]any{"messageId": again.Message.ID}))
	user.Post(completions, completion(apitest.Model, "Hi")).Status(http.StatusOK)
	key := createKey(user, map[string]any{"name": "one"})
	user.Post("/api/v1/auth/refresh", map[string]string{"refreshToken": user.Session.RefreshToken}).Status(http.StatusOK)
	user.Post("/api/v1/auth/stream-tickets", nil).Status(http.StatusCreated)
	list(user, "")
	list(user, "?limit=1")
	ids := []string{user.Session.User.ID, user.Session.User.Username, named.ID, unnamed.ID, fork.ID, key.ID}
	for _, sent := range []apitest.Exchange{first, second, again} {
		ids = append(ids, sent.UserMessage.ID, sent.Message.ID)
	}
	return user, ids
}

func remove(user *apitest.User) *apitest.Reply {
	return user.Do(http.MethodDelete, "/api/v1/me", nil)
}

func TestDeletionLeavesNothingOfAnAccount(t *testing.T) {
	t.Parallel()
	kept := new(journal)
	eachHouse(t, apitest.Options{Log: kept.handler()}, func(t *testing.T, h house) {
		user, ids := livedIn(t, h.Service)
		other, others := livedIn(t, h.Service)
		keyed := withKey(h.Service, user, "chat")
		h.Router.Script(llmtest.Text("never settled"), llmtest.Finish("stop"), llmtest.Done())
		unsettled := user.Ask(user.Conversation().ID, "Hello")
		ids = append(ids, unsettled.UserMessage.ID, unsettled.Message.ID)
		feed := user.Stream(t.Context(), http.MethodGet, "/api/v1/events", nil)
		before := h.traces(t, others...)
		if len(h.traces(t, ids...)) < 10 {
			t.Fatalf("there are traces in %q only", h.traces(t, ids...))
		}
		keyed.Do(http.MethodDelete, "/api/v1/me", nil).Problem(problem.Forbidden)

		remove(user).Status(http.StatusNoContent)
		if left := h.traces(t, ids...); len(left) > 0 {
			t.Errorf("there is left %q", left)
		}
		if after := h.traces(t, others...); !slices.Equal(after, before) || len(list(other, "").Data) != 3 {
			t.Errorf("of another there is %q, before %q", after, before)
		}
		endsWith(t, "feed", feed, problem.SessionEnded)
		user.Get("/api/v1/auth/me").Problem(problem.SessionEnded)
		remove(user).Problem(problem.SessionEnded)
		keyed.Get("/api/v1/models").Problem(problem.Unauthenticated)
		old := user.Session.User
		nobody := h.Nobody()
		nobody.Post("/api/v1/auth/refresh", map[string]string{"refreshToken": user.Session.RefreshToken}).Problem(problem.InvalidCredentials)
		nobody.Post("/api/v1/auth/login", credentials(old.Username, "a long password")).Problem(problem.InvalidCredentials)
		anew := apitest.Decode[auth.Session](nobody.Post("/api/v1/auth/register", map[string]string{
			"email": old.Email, "username": old.Username, "password": "a long password",
		}).Status(http.StatusCreated))
		if anew.User.ID == old.ID {
			t.Error("the new account is the old one")
		}
		user.Get("/api/v1/auth/me").Problem(problem.SessionEnded)
	})
	t.Cleanup(func() {
		for _, line := range kept.lines(t) {
			unsettled := line["msg"] == "charge given up, its estimate stands"
			if !unsettled && (line["level"] == "WARN" || line["level"] == "ERROR") {
				t.Errorf("logged: %v", line)
			}
		}
	})
}

func TestDeletionStopsAnswersOnTheOtherInstance(t *testing.T) {
	t.Parallel()
	url, server := storetest.PostgresURL(t), servertest.Redis(t)
	options := apitest.Options{Key: apitest.Key(t), Store: storetest.Open(t, url), Cache: apitest.Redis(t, server)}
	here, there := apitest.Start(t, options), apitest.Start(t, options)
	h := house{Service: here, db: openSQL(t, "pgx", url), columns: postgresColumns, redis: servertest.RedisClient(t, server)}
	user := here.User()
	conversation := create(user, "")
	here.Router.Script(llmtest.Text("Half"), llmtest.Hang())
	stream := user.Send(t.Context(), conversation.ID, "Hello")
	ack, _ := stream.Next()
	stream.Next()
	here.Router.Script(llmtest.Text("Half"), llmtest.Hang())
	completing := user.Open(t.Context(), http.MethodPost, completions, streamed(true))
	defer completing.Body.Close()

	remove(there.As(user)).Status(http.StatusNoContent)
	gone(t, asking(t, here, 1))
	gone(t, asking(t, here, 2))
	endsWith(t, "answer", stream, problem.SessionEnded)
	reading(t, completing.Body)
	ids := []string{user.Session.User.ID, conversation.ID, ack.Data["messageId"].(string), ack.Data["userMessageId"].(string)}
	apitest.Eventually(t, "nothing is left", func() bool { return len(h.traces(t, ids...)) == 0 })
	if titles := here.Router.Titles(); len(titles) > 0 {
		t.Error("a model was asked for a title")
	}
}

func TestDeletionGoesOnWithoutWhoAskedForIt(t *testing.T) {
	t.Parallel()
	eachHouse(t, apitest.Options{}, func(t *testing.T, h house) {
		user := h.User()
		conversation := fill(t, h, user, 2000)
		ctx, leave := context.WithCancel(t.Context())
		left := make(chan struct{})
		go func() {
			user.Leave(ctx, http.MethodDelete, "/api/v1/me", nil)
			close(left)
		}()
		apitest.Eventually(t, "the deletion has begun", func() bool {
			return rowsOf(t, h.db, "SELECT '', count(*) FROM users WHERE deleting_at IS NULL")[0][1] == "0"
		})
		leave()
		<-left
		apitest.Eventually(t, "the account is gone", func() bool {
			return rowsOf(t, h.db, "SELECT '', count(*) FROM users")[0][1] == "0"
		})
		if left := h.traces(t, user.Session.User.ID, conversation); len(left) > 0 {
			t.Errorf("there is left %q", left)
		}
	})
}

// What a process left that was killed, any other one finishes.
func TestDeletionThatWasLeftIsFinished(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.Store) {
		user := storetest.User(t, db, "ada")
		if err := db.BeginDeletion(t.Context(), user.ID, time.Now()); err != nil {
			t.Fatal(err)
		}
		s := apitest.Start(t, apitest.Options{Store: db})
		boss := admin(t, s)
		boss.Get("/api/v1/admin/users/" + user.ID).Problem(problem.NotFound)
		apitest.Eventually(t, "the name is free", func() bool {
			return s.Nobody().Post("/api/v1/auth/register", map[string]string{
				"email": user.Email, "username": user.Username, "password": "a long password",
			}).StatusCode == http.StatusCreated
		})
	})
}

// fill gives a user a conversation of so many messages, past the service, and
// returns its id.
func fill(t *testing.T, h house, user *apitest.User, messages int) string {
	t.Helper()
	conversation := user.Conversation().ID
	series, newID, body := "generate_series(1, %d) AS n", "gen_random_uuid()::text", "repeat(md5(n::text), 32)"
	if h.redis == nil {
		series = "(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < %d) SELECT n FROM s)"
		newID, body = "lower(hex(randomblob(16)))", "hex(randomblob(512))"
	}
	execute(t, h.db, `INSERT INTO messages (id, conversation_id, seq, role, content, reasoning, status, model_id, finish_reason,
			prompt_tokens, completion_tokens, reasoning_tokens, tokens_used, generation_id, question_id, replaces, superseded_by,
			attempt, last_event_seq, owner, idempotency_key, request_hash, created_at, updated_at)
		SELECT `+newID+`, conversations.id, n, 'user', `+body+`, '', 'complete', '', '', 0, 0, 0, 0, '', '', '', '', 0, 0, '', '', '',
			conversations.created_at, conversations.created_at
		FROM conversations, `+fmt.Sprintf(series, messages)+` WHERE conversations.id = '`+conversation+`'`)
	execute(t, h.db, fmt.Sprintf("UPDATE conversations SET last_seq = %d, message_count = %d WHERE id = '%s'",
		messages, messages, conversation))
	return conversation
}
