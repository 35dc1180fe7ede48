package api_test

import (
	"bufio"
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/auth"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/problem"
)

// gone waits until the provider's client has left.
func gone(t *testing.T, asked *llmtest.Exchange) {
	t.Helper()
	select {
	case <-asked.Gone:
	case <-time.After(10 * time.Second):
		t.Fatal("the provider is still asked")
	}
}

// asking waits until the provider was asked for the nth time.
func asking(t *testing.T, s *apitest.Service, n int) *llmtest.Exchange {
	t.Helper()
	asked, err := s.Router.Await(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	return asked
}

func TestSuspensionStopsAnswersOnTheOtherInstance(t *testing.T) {
	t.Parallel()
	here, there := pair(t, apitest.Options{})
	user, boss := here.User(), admin(t, there)
	here.Router.Script(llmtest.Text("Half"), llmtest.Hang())
	stream := user.Send(t.Context(), create(user, "").ID, "Hello") // without a title, which it would get
	ack, _ := stream.Next()
	stream.Next()
	suspend(boss, user, true)
	gone(t, asking(t, here, 1))
	apitest.Eventually(t, "stopped", func() bool { return inSQL(t, here, user, ack).Status == chat.StatusStopped })
	answer := inSQL(t, here, user, ack)
	if answer.Content != "Half" || answer.FinishReason != chat.FinishStopped || answer.Cost == nil {
		t.Errorf("what is kept is %+v", answer)
	}
	if titles := here.Router.Titles(); len(titles) > 0 {
		t.Error("a model was asked for a title")
	}
	suspend(boss, user, false)
	apitest.Eventually(t, "let in again", func() bool { return user.Get("/api/v1/models").StatusCode == http.StatusOK })
	if sent := user.Ask(answer.ConversationID, "And now?"); sent.Message.Status != chat.StatusComplete {
		t.Errorf("let in again it is answered with %+v", sent.Message)
	}
}

func TestSuspensionEndsCompletionsThatNobodyKeeps(t *testing.T) {
	t.Parallel()
	here, there := pair(t, apitest.Options{})
	user, boss := here.User(), admin(t, there)
	here.Router.Script(llmtest.Text("Half"), llmtest.Hang())
	response := user.Open(t.Context(), http.MethodPost, completions, streamed(true))
	defer response.Body.Close()
	begun := bufio.NewReader(response.Body)
	if _, err := begun.Peek(1); err != nil {
		t.Fatal(err)
	}
	here.Router.Script(llmtest.Silence())
	whole := make(chan *apitest.Reply, 1)
	go func() { whole <- user.Post(completions, completion(apitest.Model, "Hi")) }()
	asking(t, here, 2)
	suspend(boss, user, true)
	gone(t, asking(t, here, 1))
	gone(t, asking(t, here, 2))
	chunks := data(t, reading(t, begun))
	if last := chunks[len(chunks)-1]; !strings.Contains(last, problem.AccountSuspended.Code()) {
		t.Errorf("the chunks are %q", chunks)
	}
	if got := envelope((<-whole).Status(http.StatusForbidden)); got.Code != problem.AccountSuspended.Code() {
		t.Errorf("the whole one is answered with %+v", got)
	}
	suspend(boss, user, false)
	apitest.Eventually(t, "both are charged", func() bool {
		return bytes.Contains(user.Get("/api/v1/usage").Bytes, []byte(`"messages":2`))
	})
}

func TestSuspensionIsToldToThoseWhoWaitForAWholeAnswer(t *testing.T) {
	t.Parallel()
	here, there := pair(t, apitest.Options{})
	user, boss := here.User(), admin(t, there)
	here.Router.Script(llmtest.Text("Half"), llmtest.Hang())
	path := "/api/v1/conversations/" + user.Conversation().ID + "/messages"
	whole := make(chan *apitest.Reply, 1)
	go func() { whole <- user.Post(path, map[string]string{"content": "Hi"}, "Accept: application/json") }()
	asking(t, here, 1)
	suspend(boss, user, true)
	(<-whole).Problem(problem.AccountSuspended)
}

func TestSuspendedAccountsNeitherLogInNorRefresh(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user, boss, nobody := s.User(), admin(t, s), s.Nobody()
		login := func(password string) *apitest.Reply {
			return nobody.Post("/api/v1/auth/login", map[string]string{"username": user.Session.User.Username, "password": password})
		}
		refresh := func() *apitest.Reply {
			return nobody.Post("/api/v1/auth/refresh", map[string]string{"refreshToken": user.Session.RefreshToken})
		}
		suspend(boss, user, true)
		refresh().Problem(problem.AccountSuspended)
		login("a long password").Problem(problem.AccountSuspended)
		login("a wrong password").Problem(problem.InvalidCredentials)
		suspend(boss, user, false)
		apitest.Decode[auth.Session](login("a long password").Status(http.StatusOK))
		refresh().Status(http.StatusOK) // its token was not used up
	})
}

// What was let in before the suspension may come to the database after it.
func TestSuspendedAccountsBeginNothing(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		conversation := user.Conversation()
		asked := user.Ask(conversation.ID, "Hello")
		if err := s.Store.SetSuspended(t.Context(), user.Session.User.ID, true, time.Now()); err != nil {
			t.Fatal(err)
		}
		for path, body := range map[string]any{
			"/api/v1/conversations":                                  map[string]any{"title": "New"},
			"/api/v1/conversations/" + conversation.ID + "/fork":     map[string]any{"messageId": asked.Message.ID},
			"/api/v1/conversations/" + conversation.ID + "/messages": map[string]any{"content": "Again"},
			"/api/v1/messages/" + asked.Message.ID + "/regenerate":   nil,
		} {
			user.Post(path, body).Problem(problem.AccountSuspended)
		}
		if n := len(s.Router.Exchanges()); n != 1 {
			t.Errorf("the provider was asked %d times", n)
		}
		if found, err := s.Store.Conversation(t.Context(), user.Session.User.ID, conversation.ID); err != nil || found.LastSeq != conversation.LastSeq+2 {
			t.Errorf("the conversation is %+v, %v", found, err)
		}
	})
}
