package api_test

import (
	"net/http"
	"testing"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/id"
	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/problem"
)

func fork(user *apitest.User, conversationID string, body any) *apitest.Reply {
	return user.Post("/api/v1/conversations/"+conversationID+"/fork", body)
}

func forkAt(user *apitest.User, conversationID, messageID string) chat.Conversation {
	reply := fork(user, conversationID, map[string]any{"messageId": messageID})
	return apitest.Decode[chat.Conversation](reply.Status(http.StatusCreated))
}

func TestForkGoesItsOwnWay(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		conversation := create(user, "Bread")
		patch(user, conversation.ID, `{"isPinned":true,"modelId":"`+apitest.Model+`"}`).Status(http.StatusOK)
		spend(s, user, conversation.ID, 3, 5, "0.5")
		first := pageOf(user, "/api/v1/conversations/"+conversation.ID+"/messages").Data[0]
		user.Ask(conversation.ID, "More")
		list(user, "") // which is in the cache now
		before := usage(user, "")

		reply := fork(user, conversation.ID, map[string]any{"messageId": first.ID}).Status(http.StatusCreated)
		made := apitest.Decode[chat.Conversation](reply)
		if reply.Header.Get("Location") != "/api/v1/conversations/"+made.ID || made.ID == conversation.ID {
			t.Errorf("the fork is %+v at %s", made, reply.Header.Get("Location"))
		}
		if made.Title != "Bread" || made.ModelID != apitest.Model || made.IsPinned || made.MessageCount != 2 || made.LastSeq != 2 || made.TotalTokens != 0 {
			t.Errorf("the fork is %+v", made)
		}
		if page := list(user, ""); page.Total != 2 || page.Data[1].ID != made.ID {
			t.Errorf("the list is %+v", page.Data)
		}
		if after := usage(user, ""); after.rows() != before.rows() || after.Total != before.Total {
			t.Errorf("the usage went from %+v to %+v", before, after)
		}
		if got := usage(user, "?groupBy=conversation"); len(got.Data) != 1 {
			t.Errorf("the usage by conversation is %s", got.rows())
		}

		s.Router.Script(llmtest.Text("Yes"), llmtest.Finish("stop"))
		user.Ask(made.ID, "Other")
		if got := shown(t, last(s)); got != "user: Hi | assistant: Hello | user: Other" {
			t.Errorf("the model is shown %s", got)
		}
		if got := messagesOf(user, made.ID); got != "user: Hi | assistant: Hello | user: Other | assistant: Yes" {
			t.Errorf("the fork holds %s", got)
		}
		if got := show(user, conversation.ID); got.MessageCount != 4 {
			t.Errorf("the conversation is %+v", got)
		}
	})
}

// TestForkStreamsAsItsOriginal attaches to copies of a whole and of a broken
// answer.
func TestForkStreamsAsItsOriginal(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		conversation := user.Conversation()
		s.Router.Script(llmtest.Reasoning("so"), llmtest.Text("Grüße ", "🎈", "!"), llmtest.Finish("stop"))
		whole := user.Ask(conversation.ID, "Hi").Message
		s.Router.Script(llmtest.Text("half"), llmtest.Cut())
		user.Send(t.Context(), conversation.ID, "Hi").Rest()
		broken := pageOf(user, "/api/v1/conversations/"+conversation.ID+"/messages").Data[0]

		made := forkAt(user, conversation.ID, broken.ID)
		copies := pageOf(user, "/api/v1/conversations/"+made.ID+"/messages?order=asc").Data
		for i, original := range map[int]chat.Message{1: whole, 3: broken} {
			here, there := user.Follow(t.Context(), copies[i].ID), user.Follow(t.Context(), original.ID)
			ack, _ := here.Next()
			if ack.Data["messageId"] != copies[i].ID || ack.Data["userMessageId"] != copies[i-1].ID || ack.Data["conversationId"] != made.ID {
				t.Errorf("the copy is acknowledged with %v", ack.Data)
			}
			end, origin := here.Last(), there.Last()
			prove(t, end, original.Content)
			if here.Text != there.Text || here.Reasoning != there.Reasoning || here.LastID != there.LastID || end.Name != origin.Name {
				t.Errorf("the copy streams %q up to %s, %s", here.Text, here.LastID, end.Name)
			}
			if end.Data["lastSeq"] != float64(copies[i].Seq) || end.Data["code"] != origin.Data["code"] {
				t.Errorf("the copy ends with %+v", end)
			}
			user.Get("/api/v1/messages/" + copies[i].ID + "/events?after=" + here.LastID).Status(http.StatusNoContent)
		}
		again := user.Post("/api/v1/messages/"+copies[3].ID+"/regenerate", nil, "Accept: application/json").Status(http.StatusCreated)
		if got := apitest.Decode[apitest.Exchange](again); got.UserMessage.ID != copies[2].ID || got.Message.Seq != 5 {
			t.Errorf("the copy is made again as %+v", got)
		}
	})
}

func TestForkOfWhatCannotBeCopied(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user, stranger := s.User(), s.User()
		conversation := user.Conversation()
		old := user.Ask(conversation.ID, "Old")
		edit(user, conversation.ID, old.UserMessage.ID, "New").Status(http.StatusCreated)
		elsewhere := user.Ask(user.Conversation().ID, "Hi").Message
		theirs := stranger.Ask(stranger.Conversation().ID, "Hi").Message
		release := make(chan struct{})
		s.Router.Script(llmtest.Wait(release), llmtest.Text("done"), llmtest.Finish("stop"))
		stream := user.Send(t.Context(), conversation.ID, "Wait")
		ack, _ := stream.Next()
		running := ack.Data["messageId"].(string)
		before := list(user, "").Total
		for _, test := range []struct {
			name string
			body any
			kind problem.Kind
		}{
			{"superseded", map[string]any{"messageId": old.Message.ID}, problem.Conflict},
			{"being made", map[string]any{"messageId": running}, problem.GenerationRunning},
			{"of another conversation", map[string]any{"messageId": elsewhere.ID}, problem.NotFound},
			{"of somebody else", map[string]any{"messageId": theirs.ID}, problem.NotFound},
			{"unknown", map[string]any{"messageId": id.New()}, problem.NotFound},
			{"no id", map[string]any{"messageId": "x"}, problem.NotFound},
			{"empty", map[string]any{"messageId": ""}, problem.Invalid},
			{"a number", map[string]any{"messageId": 1}, problem.Invalid},
			{"nothing", map[string]any{}, problem.Invalid},
			{"more", map[string]any{"messageId": elsewhere.ID, "title": "x"}, problem.Malformed},
			{"no JSON", "{", problem.Malformed},
			{"no body", nil, problem.UnsupportedMedia},
		} {
			t.Run(test.name, func(t *testing.T) {
				told := fork(user.In(t), conversation.ID, test.body).Problem(test.kind)
				if test.kind == problem.GenerationRunning && told.Details["messageId"] != running {
					t.Errorf("details: %v", told.Details)
				}
			})
		}
		fork(stranger, conversation.ID, map[string]any{"messageId": running}).Problem(problem.NotFound)
		if after := list(user, "").Total; after != before {
			t.Errorf("the list grew from %d to %d", before, after)
		}
		// What lies before the running answer can be copied meanwhile.
		if made := forkAt(user, conversation.ID, ack.Data["userMessageId"].(string)); made.MessageCount != 3 {
			t.Errorf("the fork is %+v", made)
		}
		close(release)
		stream.Rest()
		if made := forkAt(user, conversation.ID, running); made.MessageCount != 4 {
			t.Errorf("the fork is %+v", made)
		}
	})
}
