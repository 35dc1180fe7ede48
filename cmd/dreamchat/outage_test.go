package main_test

import (
	"net/http"
	"testing"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/servertest"
)

func TestADatabaseThatGoesAwayInTheMiddleOfAnAnswer(t *testing.T) {
	t.Parallel()
	database, router, goOn := servertest.StartPostgres(t), llmtest.New(t), make(chan struct{})
	router.Script(llmtest.Text("one "), llmtest.Wait(goOn), llmtest.Text("two"), llmtest.Finish("stop"), llmtest.Done())
	server := start(t, t.TempDir(), append(openRouter(router), "DATABASE_URL="+database.URL)...)
	user := server.register("ada")
	first, second := user.conversation(), user.conversation()
	stream := user.ask(first.ID, "Count to two")
	messageID := stream.next().Data.MessageID
	stream.textIs("one ")

	database.Stop()
	refused := want[problem.Document](user, http.StatusServiceUnavailable, http.MethodPost,
		"/api/v1/conversations/"+second.ID+"/messages", map[string]string{"content": "Are you there?"})
	if refused.Code != problem.Unavailable.Code() {
		t.Errorf("a send gets %+v", refused)
	}
	user.reply(http.StatusServiceUnavailable, http.MethodGet, "/readyz", nil)
	user.reply(http.StatusOK, http.MethodGet, "/healthz", nil)
	close(goOn)
	stream.textIs("one two") // the answer goes on

	database.Start()
	if got := stream.until("stream_complete"); got.Data.Content != "one two" {
		t.Errorf("in the end %+v", got)
	}
	if got := user.message(messageID); got.Content != "one two" || got.Status != chat.StatusComplete {
		t.Errorf("stored: %+v", got)
	}
	user.ask(second.ID, "Are you there?").until("stream_complete")
	server.stop()
}

func TestARedisThatGoesAwayCostsNothing(t *testing.T) {
	t.Parallel()
	redis := servertest.StartRedis(t)
	server := start(t, t.TempDir(), "REDIS_URL="+redis.URL, "DEMO_DELAY=0s")
	user := server.register("ada")
	user.conversation()
	if got := user.list().Total; got != 1 {
		t.Errorf("%d conversations are listed, want 1", got)
	}

	redis.Stop()
	conversation := user.conversation()
	user.ask(conversation.ID, "Are you there?").until("stream_complete")
	if got := user.list(); got.Total != 2 || got.Data[0].MessageCount != 2 {
		t.Errorf("without Redis: %+v", got)
	}
	if got := want[struct{ Status string }](user, http.StatusOK, http.MethodGet, "/readyz", nil); got.Status != "degraded" {
		t.Errorf("it is %s without Redis", got.Status)
	}

	redis.Start()
	eventually(t, "Redis is back", func() bool {
		return want[struct{ Status string }](user, http.StatusOK, http.MethodGet, "/readyz", nil).Status == "ok"
	})
	if got := user.list(); got.Total != 2 {
		t.Errorf("with Redis again: %+v", got)
	}
}
