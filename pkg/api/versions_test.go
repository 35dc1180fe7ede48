package api_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/problem"
)

// versioned is a conversation of 1 and 2, which stand, of 3 and 4, replaced by
// 6, of 5, which replaced 4 before, and of 7, the answer to 6.
func versioned(user *apitest.User) (conversationID string, byPosition []chat.Message) {
	conversationID = user.Conversation().ID
	user.Ask(conversationID, "One")
	second := user.Ask(conversationID, "Two")
	user.Post("/api/v1/messages/"+second.Message.ID+"/regenerate", nil, "Accept: application/json").Status(http.StatusCreated)
	edit(user, conversationID, second.UserMessage.ID, "2").Status(http.StatusCreated)
	page := pageOf(user, "/api/v1/conversations/"+conversationID+"/messages?include=superseded&order=asc")
	return conversationID, page.Data
}

func TestVersionsAreShownOnDemand(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		conversation, all := versioned(user)
		if len(all) != 7 {
			t.Fatalf("the versions are %+v", all)
		}
		for i, by := range []int{0, 0, 6, 5, 6, 0, 0} {
			want := ""
			if by > 0 {
				want = all[by-1].ID
			}
			if all[i].SupersededBy != want || all[i].SupersededBy != stored(user, all[i].ID).SupersededBy {
				t.Errorf("message %d is superseded by %q, want %q", i+1, all[i].SupersededBy, want)
			}
		}
		if all[4].Replaces != all[3].ID || all[5].Replaces != all[2].ID {
			t.Errorf("message 5 replaces %q, message 6 %q", all[4].Replaces, all[5].Replaces)
		}
		messages := "/api/v1/conversations/" + conversation + "/messages"
		for _, test := range []struct{ query, want string }{
			{"", "7 6 2 1"},
			{"?include=superseded", "7 6 5 4 3 2 1"},
			{"?include=superseded&limit=3", "7 6 5"},
			{"?include=superseded&after=2&limit=2", "3 4"},
			{"?after=2&limit=2", "6 7"},
			{"?include=superseded&limit=3&around=" + all[3].ID, "5 4 3"},
			{"?include=superseded&limit=3&order=asc&around=" + all[3].ID, "3 4 5"},
			{"?limit=3&around=" + all[3].ID, "7 6 2"}, // what stands on both sides
			{"?limit=4&order=asc&around=" + all[3].ID, "1 2 6 7"},
		} {
			t.Run(test.query, func(t *testing.T) {
				got := seqs(pageOf(user.In(t), messages+test.query))
				if got != test.want {
					t.Errorf("the page is %q, want %q", got, test.want)
				}
			})
		}
	})
}

func TestVersionsAreWalkedBothWays(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		conversation, _ := versioned(user)
		for _, test := range []struct{ order, forth, back string }{
			{"desc", "7 6 5,4 3 2,1", "4 3 2,7 6 5"},
			{"asc", "1 2 3,4 5 6,7", "4 5 6,1 2 3"},
		} {
			base := "/api/v1/conversations/" + conversation + "/messages?include=superseded&limit=3&order=" + test.order
			page := pageOf(user, base)
			walk := func(next func() *string) string {
				var pages []string
				for cursor := next(); cursor != nil; cursor = next() {
					page = pageOf(user, base+"&cursor="+url.QueryEscape(*cursor))
					pages = append(pages, seqs(page))
				}
				return strings.Join(pages, ",")
			}
			first := seqs(page)
			if got := first + "," + walk(func() *string { return page.NextCursor }); got != test.forth {
				t.Errorf("%s: forth %q, want %q", test.order, got, test.forth)
			}
			if got := walk(func() *string { return page.PrevCursor }); got != test.back {
				t.Errorf("%s: back %q, want %q", test.order, got, test.back)
			}
		}
		// A cursor says a position, whatever is shown there.
		messages := "/api/v1/conversations/" + conversation + "/messages?limit=3"
		cursor := "&cursor=" + url.QueryEscape(*pageOf(user, messages+"&include=superseded").NextCursor)
		if got := seqs(pageOf(user, messages+cursor)); got != "2 1" {
			t.Errorf("without the versions the cursor leads to %q", got)
		}
	})
}

func TestVersionsAreAskedForByOneWord(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := s.User()
	messages := "/api/v1/conversations/" + user.Conversation().ID + "/messages"
	for _, value := range []string{"", "all", "Superseded", "superseded,all", "true"} {
		told := user.Get(messages + "?include=" + url.QueryEscape(value)).Problem(problem.Invalid)
		if len(told.Errors) != 1 || told.Errors[0].Pointer != "include" {
			t.Errorf("%q is told as %+v", value, told.Errors)
		}
	}
}

// TestVersionsOfARegenerateThatFails shows the conversation as it was, and the
// try as a version.
func TestVersionsOfARegenerateThatFails(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		conversation := user.Conversation()
		messages := "/api/v1/conversations/" + conversation.ID + "/messages"
		s.Router.Script(llmtest.Text("Old"), llmtest.Finish("stop"))
		old := user.Ask(conversation.ID, "Hi").Message
		before := user.Get(messages).Bytes

		release := make(chan struct{})
		s.Router.Script(llmtest.Text("Ne"), llmtest.Wait(release), llmtest.Cut())
		stream := user.Stream(t.Context(), http.MethodPost, "/api/v1/messages/"+old.ID+"/regenerate", nil)
		ack, _ := stream.Next()
		while := pageOf(user, messages)
		if len(while.Data) != 3 || while.Data[0].Replaces != old.ID || while.Data[1].SupersededBy != "" {
			t.Errorf("while it is made the page is %+v", while.Data)
		}
		close(release)
		stream.Rest()
		if after := user.Get(messages).Bytes; string(after) != string(before) {
			t.Errorf("the conversation went from %s to %s", before, after)
		}
		tried := pageOf(user, messages+"?include=superseded").Data[0]
		if tried.ID != ack.Data["messageId"] || tried.SupersededBy != old.ID || tried.Content != "Ne" || tried.Status != chat.StatusFailed {
			t.Errorf("the try is %+v", tried)
		}
		// The next question is asked in the conversation as it was.
		user.Ask(conversation.ID, "Go on")
		if got := shown(t, last(s)); got != "user: Hi | assistant: Old | user: Go on" {
			t.Errorf("the model is shown %s", got)
		}
	})
}
