package api_test

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/problem"
)

// kept is a request whose answer is kept.
func kept(conversationID string, stream bool) map[string]any {
	request := streamed(stream)
	request["stream"], request["store"] = stream, true
	request["metadata"] = map[string]any{"conversation_id": conversationID}
	if !stream {
		delete(request, "stream_options")
	}
	return request
}

// history are the messages of a conversation, oldest first.
func history(user *apitest.User, conversationID string) []chat.Message {
	page := user.Get("/api/v1/conversations/" + conversationID + "/messages?order=asc").Status(http.StatusOK)
	return apitest.Decode[chat.MessagePage](page).Data
}

func TestCompletionIsKept(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		conversation := user.Conversation()
		request := kept(conversation.ID, true)
		request["messages"] = []any{
			map[string]any{"role": "system", "content": "Be brief."},
			map[string]any{"role": "user", "content": []any{
				map[string]any{"type": "text", "text": "What is"},
				map[string]any{"type": "image_url", "image_url": map[string]any{"url": "data:image/png;base64,AAAA"}},
				map[string]any{"type": "text", "text": "this?"},
				map[string]any{"type": "image_url", "image_url": map[string]any{"url": "https://example.com/a.png"}},
			}},
		}
		s.Router.Script(append([]llmtest.Step{llmtest.Chunk(roleChunk), llmtest.Reasoning("Hm."), llmtest.Text("A ", "cat.")}, chunksOf(
			callChunk, `{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"ty\":1}"}},{"index":1,"id":"call_2","type":"custom","custom":{"name":"sh","input":"ls"}}]}}]}`,
			finishChunk, usageChunk)...)...)
		reply := user.Post(completions, request).Status(http.StatusOK)
		chunks := data(t, reply.Bytes)
		if len(chunks) != 9 || chunks[0] != roleChunk || chunks[4] != callChunk || chunks[7] != usageChunk || chunks[8] != "[DONE]" {
			t.Errorf("the chunks are %q", chunks)
		}
		messages := history(user, conversation.ID)
		question, answer := messages[0], messages[1]
		parts := []any{
			map[string]any{"type": "image_url", "mediaType": "image/png", "size": 4.0},
			map[string]any{"type": "image_url", "url": "https://example.com/a.png"},
		}
		if question.Content != "What is\nthis?" || !reflect.DeepEqual(question.Metadata["parts"], any(parts)) {
			t.Errorf("the question is %+v", question)
		}
		calls := []chat.ToolCall{
			{Index: 0, ID: "call_1", Type: "function", Name: "weather", Arguments: `{"city":1}`},
			{Index: 1, ID: "call_2", Type: "custom", Name: "sh", Arguments: "ls"},
		}
		if answer.Status != chat.StatusComplete || answer.Content != "A cat." || answer.Reasoning != "Hm." || answer.TokensUsed != 8 ||
			answer.ModelID != apitest.Model || !slices.Equal(answer.ToolCalls(), calls) {
			t.Errorf("the answer is %+v", answer)
		}
		if reply.Header.Get("X-Conversation-Id") != conversation.ID || reply.Header.Get("X-Message-Id") != answer.ID {
			t.Errorf("the headers are %v", reply.Header)
		}
		body := exact(t, s.Router.Exchanges()[0].Body).(map[string]any)
		if got := body["messages"].([]any); len(got) != 2 || body["session_id"] != conversation.ID || body["store"] != nil || body["metadata"] != nil {
			t.Errorf("the provider was asked for %v", body)
		}
		user.Ask(conversation.ID, "And now?")
		next := s.Router.Exchanges()[1].Body
		if !strings.Contains(string(next), `"What is\nthis?"`) || !strings.Contains(string(next), `"A cat."`) {
			t.Errorf("the next question was %s", next)
		}
	})
}

func TestCompletionIsKeptInOnePiece(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := s.User()
	conversation := user.Conversation()
	body := `{"id":"gen-1","choices":[{"index":0,"message":{"role":"assistant","content":null,"refusal":"No.","reasoning":"Hm."},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}`
	s.Router.Script(llmtest.Reply(http.StatusOK, "application/json", body))
	if reply := user.Post(completions, kept(conversation.ID, false)).Status(http.StatusOK); string(reply.Bytes) != body {
		t.Errorf("the answer is %s", reply.Bytes)
	}
	answer := history(user, conversation.ID)[1]
	if answer.Content != "No." || answer.Reasoning != "Hm." || answer.Status != chat.StatusComplete || answer.TokensUsed != 3 || answer.GenerationID != "gen-test" {
		t.Errorf("it is kept as %+v", answer)
	}
}

func TestCompletionIsKeptWithoutItsClient(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		conversation := user.Conversation()
		goOn := make(chan struct{})
		s.Router.Script(llmtest.Text("Hel"), llmtest.Wait(goOn), llmtest.Text("lo"), llmtest.Finish("stop"), llmtest.Done())
		ctx, leave := context.WithCancel(t.Context())
		response := user.Open(ctx, http.MethodPost, completions, kept(conversation.ID, true))
		id := response.Header.Get("X-Message-Id")
		if got := user.Post(completions, kept(conversation.ID, true)).Status(http.StatusConflict); envelope(got).Code != "generation_in_progress" {
			t.Errorf("meanwhile: %s", got.Bytes)
		}
		follower := user.Follow(t.Context(), id)
		leave()
		_ = response.Body.Close()
		close(goOn)
		if last := follower.Last(); last.Name != "stream_complete" || follower.Text != "Hello" {
			t.Errorf("the stream ends with %+v after %q", last, follower.Text)
		}
		if answer := history(user, conversation.ID)[1]; answer.ID != id || answer.Content != "Hello" || answer.Status != chat.StatusComplete {
			t.Errorf("it is kept as %+v", answer)
		}
	})
}

func TestCompletionIsRepeated(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		conversation := user.Conversation()
		goOn := make(chan struct{})
		s.Router.Script(append([]llmtest.Step{llmtest.Reasoning("Hm."), llmtest.Text("Hel"), llmtest.Wait(goOn), llmtest.Text("lo")},
			chunksOf(callChunk, finishChunk, usageChunk)...)...)
		key := "Idempotency-Key: again"
		ctx, leave := context.WithCancel(t.Context())
		first := user.Open(ctx, http.MethodPost, completions, kept(conversation.ID, true), key)
		leave()
		_ = first.Body.Close()
		second := user.Open(t.Context(), http.MethodPost, completions, kept(conversation.ID, true), key)
		defer func() { _ = second.Body.Close() }()
		close(goOn)
		whole := user.Post(completions, kept(conversation.ID, false), key).Status(http.StatusOK)
		late := data(t, user.Post(completions, kept(conversation.ID, true), key).Status(http.StatusOK).Bytes)
		if second.Header.Get("Idempotency-Replayed") != "true" || second.Header.Get("X-Message-Id") != whole.Header.Get("X-Message-Id") {
			t.Errorf("the headers are %v", second.Header)
		}
		id := `"id":"chatcmpl-` + whole.Header.Get("X-Message-Id") + `"`
		want := []string{
			`"delta":{"role":"assistant","reasoning":"Hm."},"finish_reason":null`,
			`"delta":{"content":"Hello"},"finish_reason":null`,
			`"delta":{"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"weather","arguments":"{\"ci"}}]},"finish_reason":"tool_calls"`,
			`"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8}`,
			"[DONE]",
		}
		for i, chunk := range late {
			if !strings.Contains(chunk, want[i]) || chunk != "[DONE]" && !strings.Contains(chunk, id) {
				t.Errorf("chunk %d is %s, want %s", i, chunk, want[i])
			}
		}
		if !strings.Contains(string(whole.Bytes), `"message":{"role":"assistant","content":"Hello","reasoning":"Hm.","tool_calls":[{"id":"call_1","type":"function"`) {
			t.Errorf("whole it is %s", whole.Bytes)
		}
		other := kept(conversation.ID, true)
		other["seed"] = 1
		if got := user.Post(completions, other, key).Status(http.StatusUnprocessableEntity); envelope(got).Code != "idempotency_key_reused" {
			t.Errorf("another request: %s", got.Bytes)
		}
		if n := len(s.Router.Exchanges()); n != 1 {
			t.Errorf("the provider was asked %d times", n)
		}
	})
}

func TestCompletionThatIsStopped(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := s.User()
	for name, stream := range map[string]bool{"streamed": true, "whole": false} {
		t.Run(name, func(t *testing.T) {
			user := user.In(t)
			conversation := user.Conversation()
			asked := len(s.Router.Exchanges())
			if stream {
				s.Router.Script(llmtest.Text("Hel"), llmtest.Hang())
			} else {
				s.Router.Script(llmtest.Silence())
			}
			replied := make(chan *apitest.Reply, 1)
			go func() { replied <- user.Post(completions, kept(conversation.ID, stream)) }()
			if _, err := s.Router.Await(t.Context(), asked+1); err != nil {
				t.Fatal(err)
			}
			var answer chat.Message
			apitest.Eventually(t, "the answer has begun", func() bool {
				answer = history(user, conversation.ID)[1]
				return !stream || answer.LastEventSeq > 1
			})
			user.Post("/api/v1/messages/"+answer.ID+"/stop", nil).Status(http.StatusAccepted)
			got := string((<-replied).Status(http.StatusOK).Bytes)
			want := `"finish_reason":"stop"}]`
			if stream {
				want = `"finish_reason":"stop"}]}` + "\n\ndata: "
			}
			if stream && !strings.HasSuffix(got, `"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":1,"total_tokens":6}}`+"\n\ndata: [DONE]\n\n") {
				t.Errorf("its usage is not told: %s", got)
			}
			if !strings.Contains(got, want) || stream != strings.Contains(got, "Hel") {
				t.Errorf("it ends with %s", got)
			}
		})
	}
}

func TestCompletionWhoseConversationIsDeleted(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := s.User()
	conversation := user.Conversation()
	s.Router.Script(llmtest.Text("Hel"), llmtest.Hang())
	ctx, leave := context.WithTimeout(t.Context(), 10*time.Second)
	defer leave()
	response := user.Open(ctx, http.MethodPost, completions, kept(conversation.ID, true))
	defer func() { _ = response.Body.Close() }()
	user.Do(http.MethodDelete, "/api/v1/conversations/"+conversation.ID, nil).Status(http.StatusNoContent)
	chunks := data(t, reading(t, response.Body))
	if last := chunks[len(chunks)-1]; !strings.Contains(last, `"code":"not_found"`) {
		t.Errorf("it ends with %s", last)
	}
}

func TestCompletionThatFailsIsKept(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := s.User()
	conversation := user.Conversation()
	s.Router.Script(llmtest.ErrorStatus(400, "Too odd.", ""))
	key := "Idempotency-Key: once"
	reply := user.Post(completions, kept(conversation.ID, true), key).Status(http.StatusBadRequest)
	if got := envelope(reply); got.Code != "upstream_rejected" || !strings.Contains(got.Message, "Too odd.") || reply.Header.Get("X-Should-Retry") != "false" {
		t.Errorf("before the first word: %+v, %v", got, reply.Header)
	}
	again := user.Post(completions, kept(conversation.ID, false), key).Status(http.StatusBadGateway)
	if got := envelope(again); got.Code != "upstream_rejected" || again.Header.Get("X-Message-Id") != reply.Header.Get("X-Message-Id") {
		t.Errorf("again: %+v, %v", got, again.Header)
	}
	s.Router.Script(llmtest.Text("Hel"), llmtest.Cut())
	chunks := data(t, user.Post(completions, kept(conversation.ID, true)).Status(http.StatusOK).Bytes)
	var last struct{ Error *fault }
	if err := json.Unmarshal([]byte(chunks[len(chunks)-1]), &last); err != nil || last.Error == nil || last.Error.Code != "upstream_error" {
		t.Errorf("after it: %q", chunks)
	}
	messages := history(user, conversation.ID)
	if len(messages) != 4 || messages[1].Status != chat.StatusFailed || messages[3].Status != chat.StatusFailed || messages[3].Content != "Hel" {
		t.Errorf("what is kept is %+v", messages)
	}
}

func TestCompletionIsNotKept(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user, other := s.User(), s.User()
	conversation := user.Conversation()
	if got := other.Post(completions, kept(conversation.ID, true)).Status(http.StatusNotFound); envelope(got).Code != "not_found" {
		t.Errorf("somebody else's conversation: %s", got.Bytes)
	}
	for name, test := range map[string]struct {
		turns  any
		status int
	}{
		"no question":    {[]any{map[string]any{"role": "system", "content": "x"}}, http.StatusBadRequest},
		"a blank one":    {[]any{map[string]any{"role": "user", "content": " "}}, http.StatusBadRequest},
		"U+0000":         {[]any{map[string]any{"role": "user", "content": "a\x00b"}}, http.StatusBadRequest},
		"too long a one": {[]any{map[string]any{"role": "user", "content": strings.Repeat("ä", 50_001)}}, http.StatusRequestEntityTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			request := kept(conversation.ID, true)
			request["messages"] = test.turns
			user.In(t).Post(completions, request).Status(test.status)
		})
	}
	reply := user.Post(completions, kept(conversation.ID, true), "Idempotency-Key: \u00e4").Status(http.StatusBadRequest)
	if got := envelope(reply); got.Code != problem.Malformed.Code() {
		t.Errorf("a bad key: %+v", got)
	}
	if messages := history(user, conversation.ID); len(messages) != 0 || len(s.Router.Exchanges()) != 0 {
		t.Errorf("kept: %+v", messages)
	}
}
