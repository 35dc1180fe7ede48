package api_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/id"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/servertest"
	"dreamchat/pkg/store/storetest"
)

// ticketFor is a ticket for this path, or for the first at which it is used.
func ticketFor(user *apitest.User, path string) string {
	var body any
	if path != "" {
		body = map[string]string{"path": path}
	}
	return apitest.Decode[struct{ Ticket string }](user.Post("/api/v1/auth/stream-tickets", body).Status(http.StatusCreated)).Ticket
}

// open returns what a ticket is answered with at a path, the stream left unread.
func open(t *testing.T, s *apitest.Service, path, ticket string) int {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	response := s.Nobody().In(t).Open(ctx, http.MethodGet, path+"?ticket="+ticket, nil)
	defer response.Body.Close()
	return response.StatusCode
}

// streamsOf are the paths of two answers of the user and of the feed.
func streamsOf(user *apitest.User) []string {
	conversation := user.Conversation().ID
	events := func() string { return "/api/v1/messages/" + user.Ask(conversation, "Hi").Message.ID + "/events" }
	return []string{events(), events(), "/api/v1/events"}
}

func TestTicketsOpenOnePath(t *testing.T) {
	t.Parallel()
	here, there := twoInstances(t)
	user := here.User()
	paths := streamsOf(user)
	for _, named := range []bool{true, false} {
		for i, path := range paths {
			t.Run(fmt.Sprint(named, i), func(t *testing.T) {
				ticket := ticketFor(user, "")
				if named {
					ticket = ticketFor(user, path)
				}
				for range 2 { // EventSource repeats its address
					for _, s := range []*apitest.Service{here, there} {
						if got := open(t, s, path, ticket); got != http.StatusOK {
							t.Errorf("at its path it is answered with %d", got)
						}
						for _, other := range paths {
							if other != path {
								s.Nobody().In(t).Get(other + "?ticket=" + ticket).Problem(problem.TokenAudience)
							}
						}
					}
				}
				user.In(t).Get("/api/v1/models", "Authorization: Bearer "+ticket).Problem(problem.TokenAudience)
			})
		}
	}
}

// A ticket that is not there for its path is not used up by being tried elsewhere.
func TestTicketsThatAreTriedElsewhereStayGood(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := s.User()
	paths := streamsOf(user)
	ticket := ticketFor(user, paths[0])
	s.Nobody().Get(paths[1] + "?ticket=" + ticket).Problem(problem.TokenAudience)
	s.Nobody().Get("/api/v1/models?ticket=" + ticket).Problem(problem.Unauthenticated)
	if got := open(t, s, paths[0], ticket); got != http.StatusOK {
		t.Errorf("it is answered with %d", got)
	}
	// Whose the stream is counts all the same.
	stranger := s.User()
	s.Nobody().Get(paths[0] + "?ticket=" + ticketFor(stranger, paths[0])).Problem(problem.NotFound)
	s.Nobody().Get(paths[0] + "?ticket=" + ticketFor(stranger, "")).Problem(problem.NotFound)
}

func TestTicketsAreBoundByOneOfManyFirstUses(t *testing.T) {
	t.Parallel()
	here, there := twoInstances(t)
	user := here.User()
	paths := streamsOf(user)
	ticket := ticketFor(user, "")
	opened := make(chan string, 30)
	var wait sync.WaitGroup
	for i := range cap(opened) {
		wait.Go(func() {
			s := []*apitest.Service{here, there}[i%2]
			if path := paths[i%3]; open(t, s, path, ticket) == http.StatusOK {
				opened <- path
			}
		})
	}
	wait.Wait()
	close(opened)
	first := <-opened
	if first == "" {
		t.Error("nobody was let in")
	}
	for path := range opened {
		if path != first {
			t.Errorf("it opened %s and %s", first, path)
		}
	}
}

func TestTicketsForWhatIsNoStream(t *testing.T) {
	t.Parallel()
	user := apitest.Start(t, apitest.Options{}).User()
	message := "/api/v1/messages/" + id.New()
	for _, path := range []string{
		"", "/", "/api/v1", "/api/v1/models", message, message + "/events/", message + "/events?after=1.1", message + "/event",
		"/api/v1/messages//events", "/api/v1/messages/x/events", "/api/v1/events/", "/API/v1/events", "https://chat.example/api/v1/events",
		strings.ToUpper(message) + "/events", " /api/v1/events", "/api/v1/events\n", "/api/v1/ai/chat/chat-1/stream", strings.Repeat("/api/v1/events", 1000),
	} {
		t.Run(path[:min(len(path), 60)], func(t *testing.T) {
			told := user.In(t).Post("/api/v1/auth/stream-tickets", map[string]string{"path": path}).Problem(problem.Invalid)
			if pointers(told) != "/path" {
				t.Errorf("told %+v", told)
			}
		})
	}
	user.Post("/api/v1/auth/stream-tickets", `{"path":null}`).Problem(problem.Invalid)
	user.Post("/api/v1/auth/stream-tickets", `{"paths":"/api/v1/events"}`).Problem(problem.Malformed)
	user.Post("/api/v1/auth/stream-tickets", `{}`).Status(http.StatusCreated)
}

func TestTicketsEndWithTheirSession(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := s.User()
	paths := streamsOf(user)
	tickets := []string{ticketFor(user, paths[0]), ticketFor(user, "")}
	s.Nobody().Post("/api/v1/auth/logout", token(user.Session.RefreshToken)).Status(http.StatusNoContent)
	for _, ticket := range tickets {
		apitest.Eventually(t, "the ticket is not taken", func() bool { return open(t, s, paths[0], ticket) != http.StatusOK })
		s.Nobody().Get(paths[0] + "?ticket=" + ticket).Problem(problem.SessionEnded)
	}
}

// While Redis is away nobody knows whether a ticket for no path was used elsewhere:
// its reader is to come again. A ticket for a path needs nothing of the kind.
func TestTicketsWithoutRedis(t *testing.T) {
	t.Parallel()
	redis := servertest.StartRedis(t)
	s := apitest.Start(t, apitest.Options{Store: storetest.Postgres(t), Cache: apitest.Redis(t, redis.URL)})
	user := s.User()
	path := streamsOf(user)[0]
	bound, free := ticketFor(user, path), ticketFor(user, "")
	first := func(ticket string) string {
		event, _ := s.Nobody().Stream(t.Context(), http.MethodGet, path+"?ticket="+ticket, nil).Next()
		return event.Name
	}
	redis.Stop()
	if got := first(free); got != "stream_reconnect" {
		t.Errorf("the ticket for no path gets %s", got)
	}
	if got := first(bound); got != "message_ack" {
		t.Errorf("the ticket for the path gets %s", got)
	}
	redis.Start()
	apitest.Eventually(t, "the ticket is good again", func() bool { return first(free) == "message_ack" })
}
