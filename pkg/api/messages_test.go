package api_test

import (
	"database/sql"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/problem"
)

// pageOf reads a page of messages.
func pageOf(user *apitest.User, path string) chat.MessagePage {
	return apitest.Decode[chat.MessagePage](user.Get(path).Status(http.StatusOK))
}

// seqs are the positions of a page.
func seqs(page chat.MessagePage) string {
	var all []string
	for _, message := range page.Data {
		all = append(all, strconv.FormatInt(message.Seq, 10))
	}
	return strings.Join(all, " ")
}

// talk is a conversation of so many messages, two for each question.
func talk(user *apitest.User, count int) (messages string) {
	id := user.Conversation().ID
	for range count / 2 {
		user.Ask(id, "Hello")
	}
	return "/api/v1/conversations/" + id + "/messages"
}

func TestMessagesAreShownAsTheyWereSent(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		conversation := user.Conversation()
		sent := spend(s, user, conversation.ID, 3, 5, "0.000123")
		page := pageOf(user, "/api/v1/conversations/"+conversation.ID+"/messages")
		answer, question := page.Data[0], page.Data[1]
		if len(page.Data) != 2 || page.HasMore || page.NextCursor != nil || page.PrevCursor != nil {
			t.Errorf("the page is %+v", page)
		}
		if question.Role != chat.RoleUser || question.Content != "Hi" || question.Seq != 1 || question.Status != chat.StatusComplete || question.ModelID != "" || question.Cost != nil {
			t.Errorf("the question is %+v", question)
		}
		if answer.ID != sent.ID || answer.Role != chat.RoleAssistant || answer.Content != "Hello" || answer.Seq != 2 ||
			answer.QuestionID != question.ID || answer.ModelID != apitest.Model || answer.FinishReason != chat.FinishStop ||
			answer.PromptTokens != 3 || answer.CompletionTokens != 5 || answer.TokensUsed != 8 || *answer.Cost != "0.000123" || answer.GenerationID != "gen-test" {
			t.Errorf("the answer is %+v", answer)
		}
		for _, message := range page.Data {
			alone := user.Get("/api/v1/messages/" + message.ID).Status(http.StatusOK)
			if got := apitest.Decode[chat.Message](alone); fmt.Sprintf("%+v", got) == fmt.Sprintf("%+v", chat.Message{}) || got.Content != message.Content || !got.UpdatedAt.Equal(message.UpdatedAt) {
				t.Errorf("in the page %+v, alone %+v", message, got)
			}
		}
	})
}

func TestMessagesComePageByPage(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		messages := talk(user, 6)
		third := pageOf(user, messages+"?order=asc").Data[2].ID
		for _, test := range []struct {
			query, want string
			next, prev  bool
		}{
			{"", "6 5 4 3 2 1", false, false},
			{"?order=desc", "6 5 4 3 2 1", false, false},
			{"?order=asc", "1 2 3 4 5 6", false, false},
			{"?limit=6", "6 5 4 3 2 1", false, false},
			{"?limit=5", "6 5 4 3 2", true, false},
			{"?limit=1&order=asc", "1", true, false},
			{"?after=0", "1 2 3 4 5 6", false, false},
			{"?after=4", "5 6", false, false},
			{"?after=2&limit=2", "3 4", true, false},
			{"?after=2&order=desc", "3 4 5 6", false, false},
			{"?after=6", "", false, false},
			{"?after=99", "", false, false},
			{"?limit=1&around=" + third, "3", true, true},
			{"?limit=2&around=" + third, "3 2", true, true},
			{"?limit=3&around=" + third, "4 3 2", true, true},
			{"?limit=3&order=asc&around=" + third, "2 3 4", true, true},
			{"?limit=50&around=" + third, "6 5 4 3 2 1", false, false},
		} {
			t.Run(test.query, func(t *testing.T) {
				page := pageOf(user.In(t), messages+test.query)
				if got := seqs(page); got != test.want || page.HasMore != test.next || (page.NextCursor != nil) != test.next || (page.PrevCursor != nil) != test.prev {
					t.Errorf("%q, more %t, next %t, prev %t", got, page.HasMore, page.NextCursor != nil, page.PrevCursor != nil)
				}
			})
		}
		if page := pageOf(user, "/api/v1/conversations/"+user.Conversation().ID+"/messages"); page.Data == nil || len(page.Data) > 0 || page.HasMore {
			t.Errorf("an empty conversation has %+v", page)
		}
	})
}

func TestMessagesAreWalkedBothWays(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		messages := talk(user, 10)
		fifth := pageOf(user, messages+"?after=4&limit=1").Data[0].ID
		for _, test := range []struct {
			name, start, order string
			forth, back        string
		}{
			{"newest first", "", "desc", "10 9 8,7 6 5,4 3 2,1", "4 3 2,7 6 5,10 9 8"},
			{"oldest first", "", "asc", "1 2 3,4 5 6,7 8 9,10", "7 8 9,4 5 6,1 2 3"},
			{"around, newest first", "&around=" + fifth, "desc", "6 5 4,3 2 1", "6 5 4,9 8 7,10"},
			{"around, oldest first", "&around=" + fifth, "asc", "4 5 6,7 8 9,10", "7 8 9,4 5 6,1 2 3"},
			{"after", "&after=4", "asc", "5 6 7,8 9 10", "5 6 7,2 3 4,1"},
		} {
			t.Run(test.name, func(t *testing.T) {
				base := messages + "?limit=3&order=" + test.order
				page := pageOf(user.In(t), base+test.start)
				walk := func(next func() *string) string {
					var pages []string
					for cursor := next(); cursor != nil; cursor = next() {
						page = pageOf(user.In(t), base+"&cursor="+url.QueryEscape(*cursor))
						pages = append(pages, seqs(page))
					}
					return strings.Join(pages, ",")
				}
				first := seqs(page)
				if got := first + "," + walk(func() *string { return page.NextCursor }); got != test.forth {
					t.Errorf("forth %q, want %q", got, test.forth)
				}
				if got := walk(func() *string { return page.PrevCursor }); got != test.back {
					t.Errorf("back %q, want %q", got, test.back)
				}
			})
		}
	})
}

func TestMessagesThatAreSupersededAreLeftOut(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		messages := talk(user, 4)
		old := pageOf(user, messages).Data[0]
		again := apitest.Decode[apitest.Exchange](user.Post("/api/v1/messages/"+old.ID+"/regenerate", nil, "Accept: application/json").Status(http.StatusCreated)).Message

		if got := seqs(pageOf(user, messages)); got != "5 3 2 1" {
			t.Errorf("the page is %q", got)
		}
		if got := seqs(pageOf(user, messages+"?limit=3&around="+old.ID)); got != "5 3 2" && got != "3 2 1" {
			t.Errorf("around the superseded one is %q", got)
		}
		shown := apitest.Decode[chat.Message](user.Get("/api/v1/messages/" + old.ID).Status(http.StatusOK))
		if shown.SupersededBy != again.ID || shown.Content != old.Content {
			t.Errorf("the superseded one is %+v", shown)
		}
		conversation := show(user, old.ConversationID)
		if conversation.MessageCount != 4 || conversation.LastSeq != 5 {
			t.Errorf("the conversation is %+v", conversation)
		}
	})
}

func TestMessagesMayVanishAroundACursor(t *testing.T) {
	t.Parallel()
	eachWithSQL(t, func(t *testing.T, s *apitest.Service, db *sql.DB) {
		user := s.User()
		messages := talk(user, 6)
		page := pageOf(user, messages+"?limit=2") // 6 5
		next := messages + "?limit=2&cursor=" + *page.NextCursor
		execute(t, db, `DELETE FROM messages WHERE seq IN (3, 4, 5)`) // the cursor's own too
		if got := seqs(pageOf(user, next)); got != "2 1" {
			t.Errorf("after deletion the next page is %q", got)
		}
		execute(t, db, `DELETE FROM messages WHERE seq < 6`)
		empty := pageOf(user, next)
		if len(empty.Data) != 0 || empty.HasMore || empty.NextCursor != nil || empty.PrevCursor == nil {
			t.Fatalf("the page beyond the last is %+v", empty)
		}
		if got := seqs(pageOf(user, messages+"?limit=2&cursor="+*empty.PrevCursor)); got != "6" {
			t.Errorf("the way back leads to %q", got)
		}
	})
}

func TestMessageCursorsThatAreNotGood(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := s.User()
	here, there := talk(user, 4), talk(user, 4)
	good := *pageOf(user, here+"?limit=1").NextCursor
	flipped := "A" + good[1:]
	if good[0] == 'A' {
		flipped = "B" + good[1:]
	}
	for _, test := range []struct{ name, path string }{
		{"empty", here + "?cursor="},
		{"garbage", here + "?cursor=garbage"},
		{"a number", here + "?cursor=3"},
		{"changed", here + "?cursor=" + flipped},
		{"cut", here + "?cursor=" + good[:len(good)-2]},
		{"longer", here + "?cursor=" + good + "AA"},
		{"padded", here + "?cursor=" + good + "=="},
		{"very long", here + "?cursor=" + strings.Repeat(good, 100)},
		{"no ASCII", here + "?cursor=%ff%00"},
		{"of another conversation", there + "?cursor=" + good},
		{"of the other order", here + "?order=asc&cursor=" + good},
		{"of another server", here + "?cursor=" + foreignCursor(t)},
	} {
		t.Run(test.name, func(t *testing.T) { user.In(t).Get(test.path).Problem(problem.InvalidCursor) })
	}
	pageOf(user, here+"?limit=2&cursor="+good) // another limit is no other list
}

// foreignCursor is a cursor that a server with another key made.
func foreignCursor(t *testing.T) string {
	t.Helper()
	user := apitest.Start(t, apitest.Options{}).User()
	return *pageOf(user, talk(user, 4)+"?limit=1").NextCursor
}
