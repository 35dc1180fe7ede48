package api_test

import (
	"net/http"
	"testing"
	"time"

	"dreamchat/pkg/api"
	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/id"
	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/servertest"
	"dreamchat/pkg/store/storetest"
)

func TestUIResumeReplaysAndGoesOn(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		release := make(chan struct{})
		s.Router.Script(llmtest.Reasoning("Hm"), llmtest.Text("Ha", "lf, "), llmtest.Wait(release), llmtest.Text("whole."), llmtest.Finish("stop"))
		user := s.User()
		stream := user.UIChat(t.Context(), apitest.UITurn("chat-1", "m1", "Hi"))
		for stream.Text != "Half, " {
			stream.Next()
		}
		if err := stream.Body.Close(); err != nil {
			t.Fatal(err)
		}
		byClient := user.UIResume(t.Context(), "chat-1")
		byUs := user.UIResume(t.Context(), stored(user, stream.MessageID).ConversationID)
		for _, resumed := range []*apitest.UIStream{byClient, byUs} {
			if start := resumed.Next(); start.Type != "start" || start.MessageID != stream.MessageID {
				t.Errorf("it goes on with %+v", start)
			}
			for resumed.Text != "Half, " {
				resumed.Next()
			}
		}
		close(release)
		after := user.UIResume(t.Context(), "chat-1")
		for _, resumed := range []*apitest.UIStream{byClient, byUs, after} {
			resumed.Until("finish")
			if resumed.Next(); resumed.Text != "Half, whole." || resumed.Reasoning != "Hm" || !resumed.Done {
				t.Errorf("it ends with %q, %q", resumed.Reasoning, resumed.Text)
			}
		}
		if late := user.UIResume(t.Context(), "chat-1"); late.Rest() != "start start-step reasoning-start reasoning-delta reasoning-end "+
			"text-start text-delta text-end finish-step finish" || late.Text != "Half, whole." {
			t.Errorf("shortly after the end comes %q", late.Text)
		}
	})
}

func TestUIResumeOfNothing(t *testing.T) {
	t.Parallel()
	linger := func(server *api.Server) { server.Linger = 50 * time.Millisecond }
	apitest.EachWith(t, apitest.Options{Change: linger}, func(t *testing.T, s *apitest.Service) {
		user, other := s.User(), s.User()
		user.UIChat(t.Context(), apitest.UITurn("chat-1", "m1", "Hi")).Until("finish")
		conversation := chatOf(user, "chat-1").ID
		nothing := map[string]*apitest.User{
			"chat-2": user, id.New(): user, "a%20b": user, // nobody knows them
			"chat-1": other, conversation: other, // they are somebody else's
			user.Conversation().ID: user, // nothing was asked there
		}
		for chat, caller := range nothing {
			caller.Get("/api/v1/ai/chat/" + chat + "/stream").Status(http.StatusNoContent)
		}
		for _, chat := range []string{"chat-1", conversation} {
			apitest.Eventually(t, "the answer is over", func() bool {
				return user.Get("/api/v1/ai/chat/"+chat+"/stream").StatusCode == http.StatusNoContent
			})
		}
	})
}

// A clean end would be the end of the answer to the AI SDK.
func TestUIMessageIsBrokenOffWhenItCannotGoOn(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*apitest.Service, *apitest.User){
		"conversation deleted": func(_ *apitest.Service, user *apitest.User) {
			user.Do(http.MethodDelete, "/api/v1/conversations/"+chatOf(user, "chat-1").ID, nil).Status(http.StatusNoContent)
		},
		"server shut down": func(s *apitest.Service, _ *apitest.User) { s.Shutdown() },
	}
	for name, end := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			apitest.Each(t, func(t *testing.T, s *apitest.Service) {
				s.Router.Script(llmtest.Text("Half"), llmtest.Hang())
				user := s.User()
				stream := user.UIChat(t.Context(), apitest.UITurn("chat-1", "m1", "Hi"))
				stream.Until("text-delta")
				end(s, user)
				if rest := stream.Rest(); rest != "" || stream.Done || !stream.Broken {
					t.Errorf("then comes %q, done %t, broken off %t", rest, stream.Done, stream.Broken)
				}
			})
		})
	}
}

func TestUIResumeOnAnotherInstance(t *testing.T) {
	t.Parallel()
	db, redis, key := storetest.Postgres(t), servertest.Redis(t), apitest.Key(t)
	instance := func() *apitest.Service {
		return apitest.Start(t, apitest.Options{Store: db, Cache: apitest.Redis(t, redis), Key: key})
	}
	a, b := instance(), instance()
	release := make(chan struct{})
	a.Router.Script(llmtest.Text("Half, "), llmtest.Wait(release), llmtest.Text("whole."), llmtest.Finish("stop"))
	onA := a.User()
	onB := b.As(onA)
	turn := apitest.UITurn("chat-1", "m1", "Hi")
	stream := onA.UIChat(t.Context(), turn)
	stream.Until("text-delta")
	resumed, again := onB.UIResume(t.Context(), "chat-1"), onB.UIChat(t.Context(), turn)
	for _, elsewhere := range []*apitest.UIStream{resumed, again} {
		for elsewhere.Text != "Half, " {
			elsewhere.Next()
		}
	}
	onB.Post("/api/v1/ai/chat", apitest.UITurn("chat-1", "m2", "And?")).Problem(problem.GenerationRunning)
	close(release)
	for _, reader := range []*apitest.UIStream{stream, resumed, again, onB.UIResume(t.Context(), "chat-1")} {
		reader.Until("finish")
		if reader.Text != "Half, whole." || reader.MessageID != stream.MessageID {
			t.Errorf("%s ends with %q", reader.MessageID, reader.Text)
		}
	}
	if n := len(b.Router.Exchanges()); n > 0 {
		t.Errorf("the other instance asked %d times", n)
	}
}

// It failed and an earlier answer stands, but it is what the client saw.
func TestUIResumeOfAnAnswerMadeAnewThatFailed(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := s.User()
	turn := apitest.UITurn("chat-1", "m1", "Hi")
	user.UIChat(t.Context(), turn).Until("finish")
	s.Router.Script(llmtest.Text("Half"), llmtest.Cut())
	failed := user.UIChat(t.Context(), apitest.With(turn, "trigger", "regenerate-message"))
	failed.Until("error")
	resumed := user.UIResume(t.Context(), "chat-1")
	if resumed.Until("error"); resumed.MessageID != failed.MessageID || resumed.Text != "Half" {
		t.Errorf("it goes on with %s: %q, want %s", resumed.MessageID, resumed.Text, failed.MessageID)
	}
}
