package api_test

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"dreamchat/pkg/api"
	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/problem"
)

// What stands on the wire, byte for byte. Ids are masked.
func TestUIMessageOnTheWire(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Change: func(server *api.Server) { server.Heartbeat = 50 * time.Millisecond }})
	release := make(chan struct{})
	s.Router.Script(llmtest.Wait(release),
		llmtest.Reasoning("Let me", " see."), llmtest.Text("Hello", ` "wörld" `), llmtest.Reasoning("More?"), llmtest.Text("😀\n<\\>"),
		llmtest.Finish("length"), llmtest.Usage(3, 5, 1, "0.000123"), llmtest.Done())
	user := s.User()
	response := user.Open(t.Context(), http.MethodPost, "/api/v1/ai/chat", apitest.UITurn("chat-1", "m1", "Hi"))
	defer response.Body.Close()
	body := bufio.NewReader(response.Body)
	live := block(t, body, ": hb\n")
	close(release)
	rest, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "ui_message.golden", mask(strings.ReplaceAll(live+string(rest), ": hb\n", "")))
	for name, want := range map[string]string{
		"Content-Type": "text/event-stream", "X-Vercel-Ai-Ui-Message-Stream": "v1", "X-Accel-Buffering": "no",
	} {
		if got := response.Header.Get(name); got != want {
			t.Errorf("%s is %q", name, got)
		}
	}
}

func TestUIMessageIsWhatIsStored(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		s.Router.Script(llmtest.Reasoning("Hm", "m."), llmtest.Text("Hel", "lo 😀"), llmtest.Finish("stop"), llmtest.Usage(3, 5, 1, "0.000123"))
		user := s.User()
		stream := user.UIChat(t.Context(), apitest.UITurn("chat-1", "m1", "Hi"))
		start := stream.Next()
		finish := stream.Until("finish")
		if stream.Text != "Hello 😀" || stream.Reasoning != "Hmm." || finish.FinishReason != "stop" {
			t.Errorf("the stream tells %q, %q and %+v", stream.Reasoning, stream.Text, finish)
		}
		if stream.Next(); !stream.Done || stream.Broken {
			t.Error("the stream does not end with [DONE]")
		}
		answer := stored(user, stream.MessageID)
		if answer.Content != stream.Text || answer.Reasoning != stream.Reasoning || answer.Status != chat.StatusComplete {
			t.Errorf("stored is %+v", answer)
		}
		question := stored(user, answer.QuestionID)
		if question.ClientID != "m1" || question.Content != "Hi" || start.MessageMetadata["userMessageId"] != question.ID {
			t.Errorf("stored is the question %+v, told was %v", question, start.MessageMetadata)
		}
		conversation := apitest.Decode[chat.Conversation](user.Get("/api/v1/conversations/" + answer.ConversationID))
		if conversation.ClientID != "chat-1" || conversation.MessageCount != 2 || start.MessageMetadata["conversationId"] != conversation.ID {
			t.Errorf("the conversation is %+v", conversation)
		}
		native := user.Follow(t.Context(), answer.ID).Last().Data
		delete(native, "content")
		for name, want := range finish.MessageMetadata {
			if _, told := native[name]; !told {
				t.Errorf("the metadata tell %s: %v, the native stream does not", name, want)
			}
		}
		if finish.MessageMetadata["sha256"] != native["sha256"] || finish.MessageMetadata["cost"] != native["cost"] || len(native) != len(finish.MessageMetadata) {
			t.Errorf("the metadata are %v, the native stream tells %v", finish.MessageMetadata, native)
		}
	})
}

func TestUIMessageThatEndsEarly(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, parts, text string
		script            []llmtest.Step
		code              problem.Kind
	}{
		{
			"before the first token", "start start-step finish-step message-metadata error", "",
			[]llmtest.Step{llmtest.ErrorStatus(401, "bad key", "")},
			problem.UpstreamAuth,
		},
		{
			"after it", "start start-step text-start text-delta text-end finish-step message-metadata error", "Half",
			[]llmtest.Step{llmtest.Text("Ha", "lf"), llmtest.ErrorChunk("502", "down")},
			problem.Upstream,
		},
		{
			"in its reasoning", "start start-step reasoning-start reasoning-delta reasoning-end finish-step message-metadata error", "",
			[]llmtest.Step{llmtest.Reasoning("Hm"), llmtest.Cut()},
			problem.Upstream,
		},
	}
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				s.Router.Script(test.script...)
				turn := apitest.UITurn("chat-"+test.code.Code()+test.text, "m1", "Hi")
				live := user.In(t).UIChat(t.Context(), turn)
				again := user.In(t).UIChat(t.Context(), turn)
				for _, stream := range []*apitest.UIStream{live, again} {
					if got := stream.Rest(); got != test.parts || stream.Text != test.text || !stream.Done {
						t.Errorf("the stream has %s with %q", got, stream.Text)
					}
				}
				answer := stored(user, live.MessageID)
				if answer.Content != test.text || answer.Error == nil || answer.Error.Code != test.code.Code() {
					t.Errorf("stored is %+v, %+v", answer, answer.Error)
				}
				third := user.In(t).UIChat(t.Context(), turn)
				told := third.Until("message-metadata").MessageMetadata
				if failure := third.Next(); failure.ErrorText != answer.Error.Message || told["code"] != answer.Error.Code {
					t.Errorf("told is %v, %+v", told, failure)
				}
			})
		}
	})
}

func TestUIMessageThatIsStopped(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		s.Router.Script(llmtest.Text("Half"), llmtest.Hang())
		user := s.User()
		stream := user.UIChat(t.Context(), apitest.UITurn("chat-1", "m1", "Hi"))
		stream.Until("text-delta")
		user.Post("/api/v1/messages/"+stream.MessageID+"/stop", nil).Status(http.StatusAccepted)
		if got := stream.Rest(); got != "text-end finish-step message-metadata abort" || !stream.Done {
			t.Errorf("after the stop comes %s", got)
		}
		told := user.UIResume(t.Context(), "chat-1").Until("message-metadata").MessageMetadata
		if answer := stored(user, stream.MessageID); answer.Status != chat.StatusStopped || answer.Content != "Half" || told["finishReason"] != "stopped" {
			t.Errorf("stored is %+v, told %v", answer, told)
		}
	})
}
