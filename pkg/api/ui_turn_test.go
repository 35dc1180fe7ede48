package api_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/id"
	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/problem"
)

// chatOf is the conversation that is known by this name of the client's.
func chatOf(user *apitest.User, name string) chat.Conversation {
	page := apitest.Decode[chat.ConversationPage](user.Get("/api/v1/conversations").Status(http.StatusOK))
	for _, conversation := range page.Data {
		if conversation.ClientID == name {
			return conversation
		}
	}
	return chat.Conversation{}
}

func TestUITurnsGoOnInOneConversation(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		s.Router.Script(llmtest.Text("One."), llmtest.Finish("stop"))
		s.Router.Script(llmtest.Text("Two."), llmtest.Finish("stop"))
		s.Router.Script(llmtest.Text("Three."), llmtest.Finish("stop"))
		user.UIChat(t.Context(), apitest.UITurn("chat:1", "m1", "First")).Until("finish")
		made := chatOf(user, "chat:1")
		user.UIChat(t.Context(), apitest.With(apitest.With(apitest.UITurn("chat:1", "m2", "Second"),
			"temperature", 0.1), "maxTokens", 99)).Until("finish")
		user.UIChat(t.Context(), apitest.UITurn(made.ID, "m3", "Third")).Until("finish")
		const all = "user: First | assistant: One. | user: Second | assistant: Two. | user: Third | assistant: Three."
		if got := messagesOf(user, made.ID); got != all {
			t.Errorf("the conversation holds %s", got)
		}
		exchanges := s.Router.Exchanges()
		if got := turnsOf(t, exchanges[2].Body); strings.ReplaceAll(got, "; ", " | ")+"assistant: Three." != all {
			t.Errorf("the provider is asked %s", got)
		}
		if body := string(exchanges[1].Body); !strings.Contains(body, `"temperature":0.1`) || !strings.Contains(body, `"max_tokens":99`) {
			t.Errorf("the provider is asked %s", body)
		}
	})
}

func TestUITurnOfSeveralPartsIsOneQuestion(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := s.User()
	turn := apitest.UITurn("chat-1", "m1", "")
	turn["messages"] = []any{
		map[string]any{"id": "a1", "role": "assistant", "parts": []any{map[string]any{"type": "text", "text": "What is it?"}}},
		map[string]any{"id": "m1", "role": "user", "metadata": map[string]any{"a": 1}, "parts": []any{
			map[string]any{"type": "text", "text": "One,"},
			map[string]any{"type": "data-weather", "data": 5},
			map[string]any{"type": "text", "text": "two."},
		}},
	}
	turn["modelId"], turn["messageId"], turn["session"] = nil, nil, "of a later version"
	user.UIChat(t.Context(), turn).Until("finish")
	if got := turnsOf(t, s.Router.Exchanges()[0].Body); got != "user: One,\n\ntwo.; " {
		t.Errorf("the provider is asked %s", got)
	}
}

func TestUITurnSentAgainCostsNothing(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		release := make(chan struct{})
		s.Router.Script(llmtest.Text("Half, "), llmtest.Wait(release), llmtest.Text("whole."), llmtest.Finish("stop"))
		user := s.User()
		turn := apitest.UITurn("chat-1", "m1", "Hi")
		const senders = 8
		streams := make([]*apitest.UIStream, senders+1)
		var all sync.WaitGroup
		for i := range senders {
			all.Go(func() { streams[i] = user.UIChat(t.Context(), turn) })
		}
		all.Wait()
		for _, stream := range streams[:senders] {
			stream.Until("text-delta")
		}
		close(release)
		replayed := 0
		streams[senders] = user.UIChat(t.Context(), turn)
		for _, stream := range streams {
			stream.Until("finish")
			if stream.Text != "Half, whole." || stream.MessageID != streams[0].MessageID {
				t.Errorf("%s has %q, not %s", stream.MessageID, stream.Text, streams[0].MessageID)
			}
			if stream.Header.Get("Idempotency-Replayed") == "true" {
				replayed++
			}
		}
		if n := len(s.Router.Exchanges()); n != 1 || replayed != senders {
			t.Errorf("the provider was asked %d times, %d of %d were replayed", n, replayed, senders)
		}
		page := apitest.Decode[chat.ConversationPage](user.Get("/api/v1/conversations"))
		if len(page.Data) != 1 || page.Data[0].MessageCount != 2 {
			t.Errorf("the conversations are %+v", page.Data)
		}
	})
}

func TestUITurnThatEdits(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		ask := func(turn map[string]any) *apitest.UIStream {
			stream := user.UIChat(t.Context(), turn)
			stream.Until("finish")
			return stream
		}
		ask(apitest.UITurn("chat-1", "m1", "First"))
		ask(apitest.UITurn("chat-1", "m2", "Second"))
		conversation := chatOf(user, "chat-1").ID
		holds := func(questions ...string) {
			t.Helper()
			const answer = " | assistant: Hello from the scripted router."
			want := "user: " + strings.Join(questions, answer+" | user: ") + answer
			if got := messagesOf(user, conversation); got != want {
				t.Errorf("the conversation holds %s", got)
			}
		}
		edit := apitest.With(apitest.UITurn("chat-1", "m1", "Better"), "messageId", "m1")
		edited := ask(edit)
		holds("Better")
		if again := ask(edit); again.MessageID != edited.MessageID || again.Header.Get("Idempotency-Replayed") != "true" {
			t.Error("an edit that is sent again is another one")
		}
		ask(apitest.UITurn("chat-1", "m3", "Third"))
		holds("Better", "Third")
		// Back to the first text; the question has this id of the client's still.
		ask(apitest.With(apitest.UITurn("chat-1", "m1", "First"), "messageId", "m1"))
		holds("First")
		// By our id, under a new one of the client's.
		question := stored(user, ask(apitest.UITurn("chat-1", "m4", "Fourth")).MessageID).QuestionID
		ask(apitest.With(apitest.UITurn("chat-1", "m5", "Fifth"), "messageId", question))
		holds("First", "Fifth")
		// What is edited never arrived.
		ask(apitest.With(apitest.UITurn("chat-1", "m6", "Sixth"), "messageId", "m6"))
		holds("First", "Fifth", "Sixth")
		// The same text, but not at the end.
		ask(apitest.With(apitest.UITurn("chat-1", "m1", "First"), "messageId", "m1"))
		holds("First")

		asked := len(s.Router.Exchanges())
		user.Post("/api/v1/ai/chat", apitest.UITurn("chat-1", "m1", "Other")).Problem(problem.KeyReused)
		user.Post("/api/v1/ai/chat", apitest.UITurn("chat-1", "m6", "Sixth")).Problem(problem.Conflict)
		user.Post("/api/v1/ai/chat", apitest.With(apitest.UITurn("chat-1", "m7", "No"), "messageId", question)).Problem(problem.Conflict)
		user.Post("/api/v1/ai/chat", apitest.With(apitest.UITurn("chat-1", "m8", "No"), "messageId", "m9")).Problem(problem.NotFound)
		if n := len(s.Router.Exchanges()); n != asked {
			t.Errorf("the provider was asked %d times more", n-asked)
		}
		holds("First")
	})
}

func TestUITurnThatMakesAnew(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		script := func(text string) { s.Router.Script(llmtest.Text(text), llmtest.Finish("stop")) }
		again := func(target string) *apitest.UIStream {
			t.Helper()
			turn := apitest.With(apitest.UITurn("chat-1", "m1", "Hi"), "trigger", "regenerate-message")
			if target != "" {
				turn["messageId"] = target
			}
			stream := user.UIChat(t.Context(), turn)
			stream.Until("finish")
			return stream
		}
		script("Never arrived.")
		first := again("")
		conversation := chatOf(user, "chat-1").ID
		holds := func(answer string) {
			t.Helper()
			if got := messagesOf(user, conversation); got != "user: Hi | assistant: "+answer {
				t.Errorf("the conversation holds %s", got)
			}
		}
		holds("Never arrived.")
		script("By the question.")
		second := again("")
		holds("By the question.")
		script("By the answer.")
		third := again(second.MessageID)
		holds("By the answer.")
		script("By the question's id.")
		fourth := again("m1")
		holds("By the question's id.")
		// Those have successors: nothing is made.
		for _, old := range []*apitest.UIStream{first, second, third} {
			if found := again(old.MessageID); found.MessageID != fourth.MessageID || found.Header.Get("Idempotency-Replayed") != "true" {
				t.Errorf("in place of %s comes %s, want %s", old.MessageID, found.MessageID, fourth.MessageID)
			}
		}
		s.Router.Script(llmtest.ErrorStatus(400, "no", ""))
		failed := apitest.With(apitest.With(apitest.UITurn("chat-1", "m1", "Hi"), "trigger", "regenerate-message"), "messageId", fourth.MessageID)
		user.UIChat(t.Context(), failed).Until("error")
		holds("By the question's id.")
		script("At last.")
		again(fourth.MessageID)
		holds("At last.")

		user.UIChat(t.Context(), apitest.UITurn("chat-1", "m2", "More")).Until("finish")
		anew := map[string]any{"id": "chat-1", "trigger": "regenerate-message", "messageId": "m1"}
		user.Post("/api/v1/ai/chat", anew).Problem(problem.Conflict)
		user.Post("/api/v1/ai/chat", apitest.With(anew, "messageId", id.New())).Problem(problem.NotFound)
		user.Post("/api/v1/ai/chat", apitest.With(anew, "id", "chat-2")).Problem(problem.NotFound)
		if made := chatOf(user, "chat-2"); made.ID != "" {
			t.Errorf("a conversation was made: %+v", made)
		}
	})
}

func TestUITurnWhileAnAnswerIsMade(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	s.Router.Script(llmtest.Text("Half"), llmtest.Hang())
	user := s.User()
	stream := user.UIChat(t.Context(), apitest.UITurn("chat-1", "m1", "Hi"))
	stream.Until("text-delta")
	for _, turn := range []map[string]any{
		apitest.UITurn("chat-1", "m2", "And?"),
		apitest.With(apitest.UITurn("chat-1", "m1", "Other"), "messageId", "m1"),
		apitest.With(apitest.UITurn("chat-1", "m1", "Hi"), "trigger", "regenerate-message"),
	} {
		running := user.Post("/api/v1/ai/chat", turn).Problem(problem.GenerationRunning)
		if running.Details["messageId"] != stream.MessageID {
			t.Errorf("what runs is %v, want %s", running.Details, stream.MessageID)
		}
	}
}

func TestUITurnOverTheBudget(t *testing.T) {
	budgeted(t, "0.00001", "", func(t *testing.T, s *apitest.Service) {
		user := s.User()
		turn := apitest.UITurn("chat-1", "m1", "Hi")
		user.Post("/api/v1/ai/chat", apitest.With(turn, "maxTokens", 100)).Problem(problem.BudgetExceeded)
		// Refused is not asked: the same turn can be sent again, with less.
		stream := user.UIChat(t.Context(), apitest.With(turn, "maxTokens", 5))
		if stream.Until("finish"); stream.Header.Get("Idempotency-Replayed") != "" {
			t.Error("the answer is not a new one")
		}
	})
}

// A fork may end with a question, which has no answer there.
func TestUITurnInAFork(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		original := user.Conversation()
		question := user.Ask(original.ID, "Hi").UserMessage
		fork := apitest.Decode[chat.Conversation](user.Post("/api/v1/conversations/"+original.ID+"/fork",
			map[string]string{"messageId": question.ID}).Status(http.StatusCreated))
		copied := apitest.Decode[chat.MessagePage](user.Get("/api/v1/conversations/" + fork.ID + "/messages")).Data[0]
		user.Get("/api/v1/ai/chat/" + fork.ID + "/stream").Status(http.StatusNoContent)
		turn := apitest.With(apitest.UITurn(fork.ID, copied.ID, "Hi"), "trigger", "regenerate-message")
		stream := user.UIChat(t.Context(), turn)
		stream.Until("finish")
		if got := messagesOf(user, fork.ID); got != "user: Hi | assistant: Hello from the scripted router." {
			t.Errorf("the fork holds %s", got)
		}
		// The client goes on calling the question by the id that it knew.
		if again := user.UIChat(t.Context(), apitest.UITurn(fork.ID, copied.ID, "Hi")); again.Next().MessageID != stream.MessageID {
			t.Error("the question is not known by its earlier id")
		}
	})
}
