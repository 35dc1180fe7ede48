package main_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/servertest"
)

const llama = "meta-llama/llama-3.1-8b-instruct"

// openRouter are the settings that lead to a scripted OpenRouter.
func openRouter(router *llmtest.Router) []string {
	return []string{"OPENROUTER_API_KEY=sk-or-secret", "OPENROUTER_BASE_URL=" + router.URL}
}

func TestWithServersAndAKeyItIsForReal(t *testing.T) {
	t.Parallel()
	at, router := onServers(t), llmtest.New(t)
	server := at.start(t, openRouter(router)...)
	if welcome := server.stdout.String(); !strings.Contains(welcome, "default model: "+llama) {
		t.Errorf("welcome:\n%s", welcome)
	}
	user := server.register("ada")
	conversation := user.conversation()
	stream := user.ask(conversation.ID, "Hello, you")
	complete := stream.until("stream_complete")
	const answer = "Hello from the scripted router."
	if stream.Text != answer || complete.Data.Content != answer || complete.Data.Model != llama {
		t.Errorf("text %q, %+v", stream.Text, complete)
	}
	if message := user.message(complete.Data.MessageID); message.Content != answer || message.Status != chat.StatusComplete {
		t.Errorf("stored: %+v", message)
	}
	stored := at.column(t, "SELECT content FROM messages ORDER BY seq")
	if !slices.Equal(stored, []string{"Hello, you", answer}) {
		t.Errorf("in PostgreSQL: %q", stored)
	}
	if user.list(); len(redisKeys(t, at)) == 0 {
		t.Error("Redis keeps nothing")
	}
	wantUpstream(t, router.Exchanges()[0], conversation.ID)
	server.stop()
}

func wantUpstream(t *testing.T, got *llmtest.Exchange, conversationID string) {
	t.Helper()
	if key := got.Header.Get("Authorization"); key != "Bearer sk-or-secret" {
		t.Errorf("the key is sent as %q", key)
	}
	var body struct {
		Model     string
		SessionID string `json:"session_id"`
		Stream    bool
		Messages  []struct{ Role, Content string }
	}
	if err := json.Unmarshal(got.Body, &body); err != nil {
		t.Fatal(err)
	}
	if body.Model != llama || body.SessionID != conversationID || !body.Stream ||
		len(body.Messages) != 1 || body.Messages[0].Content != "Hello, you" {
		t.Errorf("asked: %s", got.Body)
	}
}

func redisKeys(t *testing.T, at installation) []string {
	t.Helper()
	asked := servertest.RedisClient(t, strings.TrimPrefix(at.environment[1], "REDIS_URL="))
	keys, err := asked.Keys(t.Context(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// twins are two instances that start at once over an empty database.
func twins(t *testing.T, more ...string) (a, b *process) {
	t.Helper()
	return onServers(t).twins(t, more...)
}

// twins are two instances that start at once there.
func (i installation) twins(t *testing.T, more ...string) (a, b *process) {
	t.Helper()
	key, err := apitest.Key(t).PEM()
	if err != nil {
		t.Fatal(err)
	}
	environment := append(slices.Concat(i.environment, more), "SIGNING_KEY="+string(key))
	a, b = launch(t, t.TempDir(), environment), launch(t, t.TempDir(), environment)
	a.listening()
	b.listening()
	return a, b
}

func TestInstancesShareAccountsConversationsAndLists(t *testing.T) {
	t.Parallel()
	a, b := twins(t)
	onA := a.register("ada")
	onB := b.as(onA)
	wantTitles := func(titles ...string) {
		t.Helper()
		for _, user := range []*client{onA, onB} {
			got := []string{}
			for _, conversation := range user.list().Data {
				got = append(got, conversation.Title)
			}
			if !slices.Equal(got, titles) {
				t.Errorf("%s lists %q, want %q", user.url, got, titles)
			}
		}
	}
	wantTitles() // and both have it cached
	made := want[chat.Conversation](onA, http.StatusCreated, http.MethodPost, "/api/v1/conversations", map[string]string{"title": "One"})
	wantTitles("One")
	onB.reply(http.StatusOK, http.MethodPatch, "/api/v1/conversations/"+made.ID, map[string]string{"title": "Two"})
	wantTitles("Two")
	onA.ask(made.ID, "Hello").until("stream_complete")
	if got := onB.list().Data[0]; got.MessageCount != 2 || got.TotalTokens == 0 {
		t.Errorf("after an answer on the other instance: %+v", got)
	}
	onB.reply(http.StatusNoContent, http.MethodDelete, "/api/v1/conversations/"+made.ID, nil)
	wantTitles()
	b.nobody().reply(http.StatusOK, http.MethodPost, "/api/v1/auth/refresh", map[string]string{"refreshToken": onA.session.RefreshToken})
	a.stop()
	b.stop()
}
