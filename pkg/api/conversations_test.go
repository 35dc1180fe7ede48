package api_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/problem"
)

// list reads a page of the user's conversations.
func list(user *apitest.User, query string) chat.ConversationPage {
	reply := user.Get("/api/v1/conversations" + query).Status(http.StatusOK)
	return apitest.Decode[chat.ConversationPage](reply)
}

func titles(page chat.ConversationPage) string {
	var all []string
	for _, conversation := range page.Data {
		all = append(all, conversation.Title)
	}
	return strings.Join(all, " ")
}

func create(user *apitest.User, title string) chat.Conversation {
	reply := user.Post("/api/v1/conversations", map[string]any{"title": title}).Status(http.StatusCreated)
	return apitest.Decode[chat.Conversation](reply)
}

func show(user *apitest.User, id string) chat.Conversation {
	return apitest.Decode[chat.Conversation](user.Get("/api/v1/conversations/" + id).Status(http.StatusOK))
}

func patch(user *apitest.User, id string, body any) *apitest.Reply {
	return user.Do(http.MethodPatch, "/api/v1/conversations/"+id, body)
}

func TestConversationIsCreated(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		for _, test := range []struct {
			name  string
			body  any
			title string
			model string
		}{
			{"without a body", nil, "", apitest.Model},
			{"empty", map[string]any{}, "", apitest.Model},
			{"titled", map[string]any{"title": "Brot & Käse"}, "Brot & Käse", apitest.Model},
			{"longest title", map[string]any{"title": strings.Repeat("ß", 500)}, strings.Repeat("ß", 500), apitest.Model},
			{"of a model", map[string]any{"modelId": chat.DemoModelID}, "", chat.DemoModelID},
		} {
			t.Run(test.name, func(t *testing.T) {
				reply := user.In(t).Post("/api/v1/conversations", test.body).Status(http.StatusCreated)
				made := apitest.Decode[chat.Conversation](reply)
				if made.Title != test.title || made.ModelID != test.model || made.IsPinned || made.IsArchived ||
					made.MessageCount != 0 || made.LastSeq != 0 || made.TotalTokens != 0 || !made.CreatedAt.Equal(made.UpdatedAt) {
					t.Errorf("made %+v", made)
				}
				if got := reply.Header.Get("Location"); got != "/api/v1/conversations/"+made.ID {
					t.Errorf("Location is %q", got)
				}
				shown := apitest.Decode[chat.Conversation](user.In(t).Get(reply.Header.Get("Location")).Status(http.StatusOK))
				if shown != made {
					t.Errorf("made %+v, shown %+v", made, shown)
				}
			})
		}
	})
}

func TestConversationIsRefused(t *testing.T) {
	t.Parallel()
	user := apitest.Start(t, apitest.Options{}).User()
	for _, test := range []struct {
		name     string
		body     map[string]any
		kind     problem.Kind
		pointers string
	}{
		{"title too long", map[string]any{"title": strings.Repeat("ß", 501)}, problem.Invalid, "/title"},
		{"title with U+0000", map[string]any{"title": "\x00"}, problem.Invalid, "/title"},
		{"types", map[string]any{"title": 1, "modelId": 2}, problem.Invalid, "/modelId /title"},
		{"null", map[string]any{"title": nil}, problem.Invalid, "/title"},
		{"unknown field", map[string]any{"name": "x"}, problem.Malformed, "/name"},
		{"field that is not the caller's", map[string]any{"userId": "x"}, problem.Malformed, "/userId"},
		{"unknown model", map[string]any{"modelId": "openai/gpt-9"}, problem.UnknownModel, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			document := user.In(t).Post("/api/v1/conversations", test.body).Problem(test.kind)
			if got := pointers(document); got != test.pointers {
				t.Errorf("pointers %q, want %q", got, test.pointers)
			}
		})
	}
	if page := list(user, ""); page.Total != 0 {
		t.Errorf("%d conversations came of it", page.Total)
	}
}

func TestConversationIsPatched(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		before := create(user, "Bread")
		for _, test := range []struct {
			name   string
			body   map[string]any
			change func(*chat.Conversation)
		}{
			{"title", map[string]any{"title": "Cake"}, func(c *chat.Conversation) { c.Title = "Cake" }},
			{"title away", map[string]any{"title": ""}, func(c *chat.Conversation) { c.Title = "" }},
			{"model", map[string]any{"modelId": chat.DemoModelID}, func(c *chat.Conversation) { c.ModelID = chat.DemoModelID }},
			{"pinned and archived", map[string]any{"isPinned": true, "isArchived": true}, func(c *chat.Conversation) { c.IsPinned, c.IsArchived = true, true }},
			{"false", map[string]any{"isPinned": false}, func(c *chat.Conversation) { c.IsPinned = false }},
			{"all", map[string]any{"title": "Tea", "modelId": apitest.Model, "isPinned": true, "isArchived": false}, func(c *chat.Conversation) {
				c.Title, c.ModelID, c.IsPinned, c.IsArchived = "Tea", apitest.Model, true, false
			}},
		} {
			t.Run(test.name, func(t *testing.T) {
				after := apitest.Decode[chat.Conversation](patch(user.In(t), before.ID, test.body).Status(http.StatusOK))
				if !after.UpdatedAt.After(before.UpdatedAt) {
					t.Errorf("updatedAt went from %s to %s", before.UpdatedAt, after.UpdatedAt)
				}
				test.change(&before)
				before.UpdatedAt = after.UpdatedAt
				if shown := show(user.In(t), before.ID); after != before || shown != after {
					t.Errorf("patched to %+v, shown %+v, want %+v", after, shown, before)
				}
			})
		}
	})
}

func TestConversationPatchIsRefused(t *testing.T) {
	t.Parallel()
	user := apitest.Start(t, apitest.Options{}).User()
	before := create(user, "Bread")
	for _, test := range []struct {
		name, body string
		kind       problem.Kind
		pointers   string
	}{
		{"nothing", `{}`, problem.Invalid, ""},
		{"no body", ``, problem.Malformed, ""},
		{"null", `{"title":null}`, problem.Invalid, "/title"},
		{"every field null", `{"title":null,"modelId":null,"isPinned":null,"isArchived":null}`, problem.Invalid, "/isArchived /isPinned /modelId /title"},
		{"types", `{"title":1,"isPinned":"yes","isArchived":0}`, problem.Invalid, "/isArchived /isPinned /title"},
		{"good beside wrong", `{"title":"Cake","isPinned":"yes"}`, problem.Invalid, "/isPinned"},
		{"title too long", `{"title":"` + strings.Repeat("x", 501) + `"}`, problem.Invalid, "/title"},
		{"no model", `{"modelId":""}`, problem.Invalid, "/modelId"},
		{"unknown model", `{"modelId":"openai/gpt-9","title":"Cake"}`, problem.UnknownModel, ""},
		{"unknown field", `{"title":"Cake","messageCount":9}`, problem.Malformed, "/messageCount"},
		{"id", `{"id":"x"}`, problem.Malformed, "/id"},
	} {
		t.Run(test.name, func(t *testing.T) {
			document := patch(user.In(t), before.ID, test.body).Problem(test.kind)
			if got := pointers(document); got != test.pointers {
				t.Errorf("pointers %q, want %q", got, test.pointers)
			}
		})
	}
	if after := show(user, before.ID); after != before {
		t.Errorf("changed to %+v", after)
	}
}

func TestConversationIsDeletedWithEverythingInIt(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		kept, gone := create(user, "kept"), create(user, "gone")
		asked, keptAnswer := user.Ask(gone.ID, "Hello"), user.Ask(kept.ID, "Hello").Message

		user.Do(http.MethodDelete, "/api/v1/conversations/"+gone.ID, nil).Status(http.StatusNoContent)

		user.Do(http.MethodDelete, "/api/v1/conversations/"+gone.ID, nil).Problem(problem.NotFound)
		user.Get("/api/v1/conversations/" + gone.ID).Problem(problem.NotFound)
		user.Get("/api/v1/conversations/" + gone.ID + "/messages").Problem(problem.NotFound)
		user.Post("/api/v1/conversations/"+gone.ID+"/messages", map[string]any{"content": "Hi"}).Problem(problem.NotFound)
		for _, message := range []chat.Message{asked.UserMessage, asked.Message} {
			user.Get("/api/v1/messages/" + message.ID).Problem(problem.NotFound)
			user.Get("/api/v1/messages/" + message.ID + "/events").Problem(problem.NotFound)
		}
		user.Get("/api/v1/messages/" + keptAnswer.ID).Status(http.StatusOK)
		if got := titles(list(user, "")); got != "kept" {
			t.Errorf("the list holds %q", got)
		}
	})
}

func TestConversationListIsOrdered(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		if page := list(user, ""); page.Data == nil || len(page.Data) != 0 || page.Total != 0 || page.Limit != 20 || page.Offset != 0 {
			t.Errorf("the empty list is %+v", page)
		}
		made := make(map[string]string)
		for _, title := range []string{"a", "b", "c", "d", "e"} {
			made[title] = create(user, title).ID
		}
		for _, step := range []struct {
			name string
			do   func()
			want string
		}{
			{"newest first", func() {}, "e d c b a"},
			{"a message is activity", func() { user.Ask(made["b"], "Hello") }, "b e d c a"},
			{"a change is activity", func() { patch(user, made["a"], `{"title":"a"}`).Status(http.StatusOK) }, "a b e d c"},
			{"pinned on top", func() { patch(user, made["c"], `{"isPinned":true}`).Status(http.StatusOK) }, "c a b e d"},
			{"pinned among themselves", func() { patch(user, made["d"], `{"isPinned":true}`).Status(http.StatusOK) }, "d c a b e"},
			{"archived too", func() { patch(user, made["e"], `{"isArchived":true}`).Status(http.StatusOK) }, "d c e a b"},
		} {
			t.Run(step.name, func(t *testing.T) {
				step.do()
				if got := titles(list(user.In(t), "")); got != step.want {
					t.Errorf("the list is %q, want %q", got, step.want)
				}
			})
		}
		for _, test := range []struct {
			query, want string
			total       int64
		}{
			{"?limit=2", "d c", 5},
			{"?limit=2&offset=2", "e a", 5},
			{"?limit=2&offset=4", "b", 5},
			{"?limit=2&offset=5", "", 5},
			{"?limit=5", "d c e a b", 5},
			{"?offset=9000", "", 5},
			{"?archived=true", "e", 1},
			{"?archived=false", "d c a b", 4},
			{"?archived=false&limit=1&offset=3", "b", 4},
		} {
			t.Run(test.query, func(t *testing.T) {
				page := list(user.In(t), test.query)
				if got := titles(page); got != test.want || page.Total != test.total {
					t.Errorf("%q of %d, want %q of %d", got, page.Total, test.want, test.total)
				}
			})
		}
	})
}

func TestConversationListIsSearched(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		for _, title := range []string{"Über_Brot", "100%", "bread", "BREADS", `back\slash!`, ""} {
			create(user, title)
		}
		create(s.User(), "bread of another")
		patch(user, list(user, "?q=breads").Data[0].ID, `{"isArchived":true}`).Status(http.StatusOK)
		for _, test := range []struct{ query, want string }{
			{"bread", "BREADS bread"},
			{"READ", "BREADS bread"},
			{"%C3%9Cber", "Über_Brot"},
			{"%C3%BCBER", "Über_Brot"},
			{"%25", "100%"},
			{"_", "Über_Brot"},
			{"!", `back\slash!`},
			{"%5C", `back\slash!`},
			{"b_ead", ""},
			{"%25a", ""},
			{"bread&archived=false", "bread"},
			{"bread&limit=1&offset=1", "bread"},
		} {
			t.Run(test.query, func(t *testing.T) {
				page := list(user.In(t), "?q="+test.query)
				if got := titles(page); got != test.want {
					t.Errorf("found %q, want %q", got, test.want)
				}
			})
		}
		if all := list(user, ""); all.Total != 6 || slices.ContainsFunc(all.Data, func(c chat.Conversation) bool { return strings.Contains(c.Title, "another") }) {
			t.Errorf("the list holds %q", titles(all))
		}
	})
}
