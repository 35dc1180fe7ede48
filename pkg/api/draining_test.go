package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/problem"
)

// As long as answers are made, whoever comes is told where things stand.
func TestRequestsWhileDraining(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	s.Server.Generations.Grace = 20 * time.Second // not what ends the wait
	release := make(chan struct{})
	s.Router.Script(llmtest.Text("Half, "), llmtest.Wait(release), llmtest.Text("then whole."), llmtest.Finish("stop"))
	user := s.User()
	path := "/api/v1/conversations/" + user.Conversation().ID + "/messages"
	question, key := map[string]string{"content": "Hi"}, "Idempotency-Key: draining"
	stream := user.Stream(t.Context(), http.MethodPost, path, question, key)
	ack, _ := stream.Next()

	s.Shutdown()
	if last := stream.Last(); last.Name != "stream_reconnect" {
		t.Errorf("the reader is told %+v", last)
	}
	ready := user.Get("/readyz").Status(http.StatusServiceUnavailable)
	if !strings.Contains(string(ready.Bytes), `"draining"`) {
		t.Errorf("readiness: %s", ready.Bytes)
	}
	var refused *apitest.Reply
	apitest.Eventually(t, "a send is refused", func() bool {
		refused = user.Post(path, map[string]string{"content": "Next"})
		return refused.StatusCode == http.StatusServiceUnavailable
	})
	if refused.Problem(problem.Unavailable); refused.Header.Get("Retry-After") == "" {
		t.Error("a refused send is not told when to come again")
	}
	again := user.Follow(t.Context(), ack.Data["messageId"].(string), "Last-Event-ID: "+stream.LastID)
	if last := again.Last(); last.Name != "stream_reconnect" || last.Data["reason"] != "draining" {
		t.Errorf("a reader that comes while draining is told %+v", last)
	}
	// So is who sends again what was taken before.
	user.Post(path, map[string]string{"content": "Next"}, "Idempotency-Key: next").Problem(problem.Unavailable)
	resent := user.Stream(t.Context(), http.MethodPost, path, question, key, "Last-Event-ID: "+stream.LastID)
	if last := resent.Last(); last.Name != "stream_reconnect" || resent.Header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("who sends again while draining is told %+v", last)
	}
	close(release)
	s.Stop()
}
