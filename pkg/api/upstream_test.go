package api_test

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/problem"
)

type upstreamFailure struct {
	name   string
	script []llmtest.Step
	kind   problem.Kind
	text   string // what came before it
}

func upstreamFailures() []upstreamFailure {
	step := func(steps ...llmtest.Step) []llmtest.Step { return steps }
	const words = "Your key secret-key is bad"
	return []upstreamFailure{
		{"key refused", step(llmtest.ErrorStatus(401, words, "")), problem.UpstreamAuth, ""},
		{"out of credit", step(llmtest.ErrorStatus(402, words, "")), problem.UpstreamRejected, ""},
		{"refused", step(llmtest.ErrorStatus(400, words, "")), problem.UpstreamRejected, ""},
		{"too many requests", step(llmtest.ErrorStatus(429, words, "7")), problem.UpstreamBusy, ""},
		{"failed", step(llmtest.ErrorStatus(500, words, "")), problem.Upstream, ""},
		{"overloaded", step(llmtest.ErrorStatus(529, words, "")), problem.UpstreamBusy, ""},
		{"error with status 200", step(llmtest.Reply(200, "application/json", `{"error":{"code":502,"message":"secret-key"}}`)), problem.Upstream, ""},
		{"a page", step(llmtest.Reply(200, "text/html", "<html>secret-key</html>")), problem.Upstream, ""},
		{"cut before the header", step(llmtest.Cut()), problem.Upstream, ""},
		{"cut before the first token", step(llmtest.Comment("PROCESSING"), llmtest.Cut()), problem.Upstream, ""},
		{"silent before the header", step(llmtest.Silence()), problem.UpstreamTimeout, ""},
		{"silent before the first token", step(llmtest.Hang()), problem.UpstreamTimeout, ""},
		{"empty stream", step(llmtest.Done()), problem.Upstream, ""},
		{"no JSON", step(llmtest.Raw("data: <html>\n\n")), problem.Upstream, ""},
		{"error chunk first", step(llmtest.ErrorChunk("429", words)), problem.UpstreamBusy, ""},

		{"cut", step(llmtest.Text("Half 😀"), llmtest.Cut()), problem.Upstream, "Half 😀"},
		{"silent", step(llmtest.Text("Half 😀"), llmtest.Hang()), problem.UpstreamTimeout, "Half 😀"},
		{"error chunk", step(llmtest.Text("Half 😀"), llmtest.ErrorChunk(`"server_error"`, words)), problem.Upstream, "Half 😀"},
		{"end without finish", step(llmtest.Text("Half 😀")), problem.Upstream, "Half 😀"},
		{"done without finish", step(llmtest.Text("Half 😀"), llmtest.Done()), problem.Upstream, "Half 😀"},
		{"no JSON in mid-stream", step(llmtest.Text("Half 😀"), llmtest.Raw("data: {\n\n")), problem.Upstream, "Half 😀"},
	}
}

func TestUpstreamFailureInAStream(t *testing.T) {
	s := apitest.Start(t, apitest.Options{Silence: 200 * time.Millisecond})
	user := s.User()
	for _, test := range upstreamFailures() {
		t.Run(test.name, func(t *testing.T) {
			s.Router.Script(test.script...)
			stream := user.Send(t.Context(), user.Conversation().ID, "Hi")
			last := stream.Last()
			if last.Name != "stream_error" || last.Data["code"] != test.kind.Code() || last.Data["retryable"] != test.kind.Retryable() {
				t.Fatalf("the stream ends with %+v, want %s", last, test.kind)
			}
			if stream.Text != test.text {
				t.Errorf("the text is %q, want %q", stream.Text, test.text)
			}
			prove(t, last, test.text)

			answerID := last.Data["messageId"].(string)
			reply := user.Get("/api/v1/messages/" + answerID)
			message := apitest.Decode[chat.Message](reply.Status(http.StatusOK))
			if message.Status != chat.StatusFailed || message.Content != test.text || message.Error == nil || message.Error.Code != test.kind.Code() {
				t.Errorf("stored: %s", reply.Bytes)
			}
			if again := user.Follow(t.Context(), answerID).Last(); fmt.Sprint(again) != fmt.Sprint(last) {
				t.Errorf("live the stream ended with\n%v\nagain with\n%v", last, again)
			}
			if told := fmt.Sprint(last) + string(reply.Bytes); strings.Contains(told, "secret-key") {
				t.Errorf("the provider's key is told: %s", told)
			}
			if user.Ask(message.ConversationID, "Again").Message.Status != chat.StatusComplete {
				t.Error("after a failure the conversation takes no further question")
			}
		})
	}
}

func TestUpstreamFailureOfAWholeAnswer(t *testing.T) {
	s := apitest.Start(t, apitest.Options{Silence: 200 * time.Millisecond})
	user := s.User()
	for _, test := range upstreamFailures() {
		t.Run(test.name, func(t *testing.T) {
			s.Router.Script(test.script...)
			reply := user.Post("/api/v1/conversations/"+user.Conversation().ID+"/messages",
				map[string]string{"content": "Hi"}, "Accept: application/json")
			told := reply.Problem(test.kind)
			if bytes.Contains(reply.Bytes, []byte("secret-key")) {
				t.Errorf("the provider's key is told: %s", reply.Bytes)
			}
			answerID, _ := told.Details["messageId"].(string)
			message := stored(user, answerID)
			if message.Content != test.text || message.QuestionID != told.Details["userMessageId"] || message.Status != chat.StatusFailed {
				t.Errorf("stored: %+v", message)
			}
		})
	}
}

// A provider that fails after its last word has answered.
func TestBreakAfterTheFinishIsNone(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Silence: 200 * time.Millisecond})
	s.Router.Script(llmtest.Text("Whole."), llmtest.Finish("stop"), llmtest.Cut())
	s.Router.Script(llmtest.Text("Whole."), llmtest.Finish("stop"), llmtest.Hang())
	user := s.User()
	conversation := user.Conversation()
	for range 2 {
		if message := user.Ask(conversation.ID, "Hi").Message; message.Status != chat.StatusComplete || message.Content != "Whole." {
			t.Errorf("stored: %+v", message)
		}
	}
}
