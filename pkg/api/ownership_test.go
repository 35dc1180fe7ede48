package api_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/id"
	"dreamchat/pkg/problem"
)

func TestThingsOfAnotherDoNotExist(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		owner, stranger := s.User(), s.User()
		conversation := create(owner, "private")
		asked := owner.Ask(conversation.ID, "Hello")
		key := createKey(owner, map[string]any{"name": "private"})
		before := owner.Get("/api/v1/conversations/" + conversation.ID + "/messages").Bytes
		routesWithID := 0
		for _, route := range routes() {
			administrators := strings.HasPrefix(route.Path, "/api/v1/admin/")
			if !strings.Contains(route.Path, ":id") || administrators {
				continue
			}
			routesWithID++
			t.Run(route.Method+" "+route.Path, func(t *testing.T) {
				stranger := stranger.In(t)
				body := map[string]any{}
				switch {
				case route.Method == http.MethodPatch:
					body["title"] = "mine"
				case strings.HasSuffix(route.Path, "/fork"):
					body["messageId"] = asked.Message.ID
				case route.Method == http.MethodPost && strings.HasPrefix(route.Path, "/api/v1/conversations"):
					body["content"] = "Hello"
				}
				call := func(name string) *apitest.Reply {
					path := strings.Replace(route.Path, ":id", name, 1)
					reply := stranger.Do(route.Method, path, body, "X-Request-Id: same")
					if strings.HasPrefix(route.Path, "/api/v1/ai/") {
						return reply.Status(http.StatusNoContent) // nothing to follow
					}
					reply.Problem(problem.NotFound)
					return reply
				}
				known := []string{conversation.ID}
				if strings.HasPrefix(route.Path, "/api/v1/messages") {
					known = []string{asked.UserMessage.ID, asked.Message.ID}
				}
				if strings.HasPrefix(route.Path, "/api/v1/auth/api-keys") {
					known = []string{key.ID}
				}
				unknown := call(id.New())
				for _, name := range known {
					theirs := call(name)
					theirs.Header.Del("Date")
					unknown.Header.Del("Date")
					if !bytes.Equal(theirs.Bytes, unknown.Bytes) || len(theirs.Header) != len(unknown.Header) {
						t.Errorf("what is another's: %s %v\nwhat does not exist: %s %v", theirs.Bytes, theirs.Header, unknown.Bytes, unknown.Header)
					}
				}
			})
		}
		if routesWithID != 14 {
			t.Errorf("%d routes take an id", routesWithID)
		}
		if after := owner.Get("/api/v1/conversations/" + conversation.ID + "/messages").Bytes; !bytes.Equal(after, before) {
			t.Errorf("the owner's messages went from %s to %s", before, after)
		}
		if got := keysOf(owner); len(got) != 1 || got[0].ID != key.ID {
			t.Errorf("the owner's keys are %+v", got)
		}
		if got := titles(list(owner, "")); got != "private" {
			t.Errorf("the owner's list is %q", got)
		}
		if page := list(stranger, ""); page.Total != 0 {
			t.Errorf("the stranger's list is %q", titles(page))
		}
	})
}

func TestThingsOfAnotherAreNotShownAround(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		owner, stranger := s.User(), s.User()
		theirs := owner.Ask(owner.Conversation().ID, "Hello").Message
		mine := stranger.Conversation().ID
		stranger.Ask(mine, "Hello")
		other := stranger.Ask(stranger.Conversation().ID, "Hello").Message
		for name, message := range map[string]string{"another's": theirs.ID, "of another conversation": other.ID, "unknown": id.New(), "no id": "x"} {
			t.Run(name, func(t *testing.T) {
				stranger.In(t).Get("/api/v1/conversations/" + mine + "/messages?around=" + message).Problem(problem.NotFound)
			})
		}
	})
}

// A token may outlive its account, or be of another installation with the same
// key.
func TestATokenWithoutAnAccount(t *testing.T) {
	t.Parallel()
	key := apitest.Key(t)
	here, elsewhere := apitest.Start(t, apitest.Options{Key: key}), apitest.Start(t, apitest.Options{Key: key})
	nobody := here.As(elsewhere.User())
	nobody.Get("/api/v1/auth/me").Problem(problem.SessionEnded)
	nobody.Get("/api/v1/events").Problem(problem.SessionEnded)
	nobody.Post("/api/v1/conversations", map[string]string{"title": "Whose?"}).Problem(problem.SessionEnded)
}
