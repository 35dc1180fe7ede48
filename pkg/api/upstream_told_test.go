package api_test

import (
	"net/http"
	"testing"
	"time"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/llm"
	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/problem"
)

// What a provider asks to wait reaches the client in every form of an answer.
func TestRetryAfterReachesTheClient(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := s.User()
	const inStream = `{"error":{"message":"Slow","error_type":"rate_limit","http_status":429,"availability":{"retryable":true,"retry_after":6.5}},"choices":[]}`
	for name, script := range map[string][]llmtest.Step{
		"a header":    {llmtest.ErrorStatus(http.StatusTooManyRequests, "Slow", "7")},
		"in mid-word": {llmtest.Text("Half"), llmtest.Chunk(inStream)},
	} {
		t.Run(name, func(t *testing.T) {
			s.Router.Script(script...)
			user := user.In(t)
			path := "/api/v1/conversations/" + user.Conversation().ID + "/messages"
			reply := user.Post(path, map[string]any{"content": "Hi"}, "Accept: application/json")
			if told := reply.Problem(problem.UpstreamBusy); told.RetryAfter != 7 || reply.Header.Get("Retry-After") != "7" {
				t.Errorf("told: %+v, header %q", told, reply.Header.Get("Retry-After"))
			}
			s.Router.Script(script...)
			last := user.Send(t.Context(), user.Conversation().ID, "Hi").Last()
			id := last.Data["messageId"].(string)
			again := user.Follow(t.Context(), id).Last()
			if last.Data["retryAfter"] != 7.0 || again.Data["retryAfter"] != 7.0 || stored(user, id).Error.RetryAfter != 7 {
				t.Errorf("the stream ends with %+v, again with %+v, stored is %+v", last, again, stored(user, id).Error)
			}
		})
	}
}

// Who closes an answer after a crash can tell the provider which one it was.
func TestTheGenerationIsRecordedBeforeTheFirstWord(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		s.Router.Script(llmtest.Header("X-Generation-Id", "gen-early"), llmtest.Text("Half"), llmtest.Hang())
		user := s.User()
		stream := user.Send(t.Context(), user.Conversation().ID, "Hi")
		ack, _ := stream.Next()
		first, _ := stream.Next()
		if answer := inSQL(t, s, user, ack); answer.GenerationID != "gen-early" {
			t.Errorf("after %s the generation is recorded as %q", first.Name, answer.GenerationID)
		}
	})
}

// patiently has a service wait for a provider that is slow for its own reasons.
func patiently(s *apitest.Service) *apitest.Service {
	s.Server.Models.Providers["openrouter"].(*llm.Client).Silence = time.Minute
	return s
}

// A provider that has begun to call a tool is not asked again.
func TestAToolCallIsABeginning(t *testing.T) {
	t.Parallel()
	s := patiently(retrying(t, 3, second))
	s.Router.Script(llmtest.Chunk(`{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"call-1","type":"function","function":{"name":"f","arguments":""}}]}}]}`),
		llmtest.ErrorChunk("502", "Oh no."))
	user := s.User()
	last := user.Send(t.Context(), user.Conversation().ID, "Hi").Last()
	if last.Name != "stream_error" || last.Data["code"] != problem.Upstream.Code() || len(asked(t, s)) != 1 {
		t.Errorf("asked were %v, the stream ends with %+v", asked(t, s), last)
	}
}

// Answers may hold no text: what there is of them is kept, and the next question
// can be asked.
func TestAnswersWithoutText(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Silence: 5 * time.Second})
	user := s.User()
	for _, tt := range []struct {
		name              string
		script            []llmtest.Step
		finish, reasoning string
	}{
		{"reasoning only", []llmtest.Step{llmtest.Reasoning("Hm", "m."), llmtest.Finish("stop"), llmtest.Done()}, "stop", "Hmm."},
		{"reasoning up to the limit", []llmtest.Step{llmtest.Reasoning("Hm"), llmtest.Finish("length"), llmtest.Done()}, "length", "Hm"},
		{"empty", []llmtest.Step{llmtest.Finish("stop"), llmtest.Usage(3, 0, 0, "0"), llmtest.Done()}, "stop", ""},
		{"filtered", []llmtest.Step{llmtest.Finish("content_filter"), llmtest.Done()}, "content_filter", ""},
		{"a tool call", []llmtest.Step{llmtest.Finish("tool_calls"), llmtest.Done()}, "stop", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.Router.Script(tt.script...)
			user := user.In(t)
			conversation := user.Conversation()
			last := user.Send(t.Context(), conversation.ID, "Hi").Last()
			if last.Name != "stream_complete" || last.Data["finishReason"] != tt.finish || last.Data["content"] != "" {
				t.Errorf("the stream ends with %+v", last)
			}
			prove(t, last, "")
			message := stored(user, last.Data["messageId"].(string))
			if message.Status != "complete" || message.Content != "" || message.Reasoning != tt.reasoning {
				t.Errorf("stored: %+v", message)
			}
			user.Ask(conversation.ID, "And now?")
			exchanges := s.Router.Exchanges()
			sent := exchanges[len(exchanges)-1].Body
			if got := turnsOf(t, sent); got != "user: Hi; user: And now?; " {
				t.Errorf("the next question is sent as %s", got)
			}
		})
	}
}
