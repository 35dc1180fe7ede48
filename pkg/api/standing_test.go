package api_test

import (
	"net/http"
	"testing"
	"time"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/auth"
	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/servertest"
	"dreamchat/pkg/store/storetest"
)

// endsWith reads a stream to its end, which is to send its reader away.
func endsWith(t *testing.T, name string, stream *apitest.Stream, reason problem.Kind) {
	t.Helper()
	if last := stream.Last(); last.Name != "stream_reconnect" || last.Data["reason"] != reason.Code() {
		t.Errorf("the %s ends with %+v", name, last)
	}
}

// pair starts two instances that share all there is to share.
func pair(t *testing.T, options apitest.Options) (here, there *apitest.Service) {
	t.Helper()
	options.Store, options.Cache = storetest.Postgres(t), apitest.Redis(t, servertest.Redis(t))
	if options.Key == nil {
		options.Key = apitest.Key(t)
	}
	return apitest.Start(t, options), apitest.Start(t, options)
}

func TestSuspensionEndsStreamsOnEveryInstanceAtOnce(t *testing.T) {
	t.Parallel()
	here, there := pair(t, apitest.Options{})
	user, bystander := here.User(), here.User()
	keyed := withKey(there, there.As(user), "chat")
	here.Router.Script(llmtest.Text("one"), llmtest.Hang())
	answer := user.Send(t.Context(), user.Conversation().ID, "Hello")
	feed := user.Stream(t.Context(), http.MethodGet, "/api/v1/events", nil)
	byKey := keyed.Stream(t.Context(), http.MethodGet, "/api/v1/events", nil)
	other := bystander.Stream(t.Context(), http.MethodGet, "/api/v1/events", nil)

	if err := there.Server.Accounts.Suspend(t.Context(), user.Session.User.ID, true); err != nil {
		t.Fatal(err)
	}
	endsWith(t, "answer", answer, problem.AccountSuspended)
	endsWith(t, "feed", feed, problem.AccountSuspended)
	endsWith(t, "feed by key", byKey, problem.AccountSuspended)
	for _, caller := range []*apitest.User{user, there.As(user), keyed, here.As(keyed)} {
		caller.Get("/api/v1/models").Problem(problem.AccountSuspended)
	}

	if err := there.Server.Accounts.Suspend(t.Context(), user.Session.User.ID, false); err != nil {
		t.Fatal(err)
	}
	apitest.Eventually(t, "let in again", func() bool { return user.Get("/api/v1/models").StatusCode == http.StatusOK })
	bystander.Conversation()
	for {
		event, open := other.Next()
		if !open {
			t.Fatal("somebody else's feed has ended")
		}
		if event.Name == "conversation_created" {
			return
		}
	}
}

func TestRoleCountsAtOnceForTokensThatAreOut(t *testing.T) {
	t.Parallel()
	here, there := pair(t, apitest.Options{})
	user := here.User()
	patch := func(as *apitest.User) int {
		return as.Do(http.MethodPatch, "/api/v1/models/"+apitest.Model, map[string]any{"isActive": true}).StatusCode
	}
	for _, step := range []struct {
		role   auth.Role
		status int
	}{{auth.RoleUser, http.StatusForbidden}, {auth.RoleAdmin, http.StatusOK}, {auth.RoleUser, http.StatusForbidden}} {
		if err := here.Server.Accounts.SetRole(t.Context(), user.Session.User.ID, step.role); err != nil {
			t.Fatal(err)
		}
		if got := patch(user); got != step.status {
			t.Errorf("%s: the status is %d here", step.role, got)
		}
		apitest.Eventually(t, "the role counts there", func() bool { return patch(there.As(user)) == step.status })
	}
}

// A bell that nobody hears is made good by looking now and then.
func TestSuspensionByAnotherProcessTakesSecondsAtMost(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := s.User()
	user.Get("/api/v1/models").Status(http.StatusOK)
	if err := s.Store.SetSuspended(t.Context(), user.Session.User.ID, true, time.Now()); err != nil {
		t.Fatal(err)
	}
	apitest.Eventually(t, "suspended", func() bool { return user.Get("/api/v1/models").StatusCode == http.StatusForbidden })
}

func TestStreamOutlivesItsTokenAndTellsBefore(t *testing.T) {
	t.Parallel()
	key := apitest.Key(t)
	apitest.EachWith(t, apitest.Options{Key: key, Silence: time.Minute}, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		more := make(chan struct{})
		s.Router.Script(llmtest.Text("one"), llmtest.Wait(more), llmtest.Answer("two"))
		conversation := user.Conversation().ID
		expired := s.As(user)
		// Beyond its end by less than clocks may differ, which is longer than the test.
		const left = 4 * time.Second
		expired.Token = signer{key, user.Session.User.ID}.sign(t, time.Now().Add(left-auth.AccessLifetime), "dreamchat")

		stream := expired.Send(t.Context(), conversation, "Hello")
		feed := expired.Stream(t.Context(), http.MethodGet, "/api/v1/events", nil)
		for name, stream := range map[string]*apitest.Stream{"answer": stream, "feed": feed} {
			event, _ := stream.Next()
			for event.Name != "auth_expiring" && event.Name != "" {
				event, _ = stream.Next()
			}
			if in, _ := event.Data["expiresIn"].(float64); in > left.Seconds() {
				t.Errorf("the reader of the %s is told %+v", name, event)
			}
		}
		apitest.Eventually(t, "expired", func() bool { return expired.Get("/api/v1/models").StatusCode == http.StatusUnauthorized })
		expired.Get("/api/v1/events").Problem(problem.TokenExpired)
		close(more)
		if last := stream.Last(); last.Name != "stream_complete" || stream.Text != "onetwo" {
			t.Errorf("the stream ends with %+v", last)
		}
		for event, open := feed.Next(); event.Name != "generation_finished"; event, open = feed.Next() {
			if !open {
				t.Fatal("the feed has ended with the token")
			}
		}
	})
}
