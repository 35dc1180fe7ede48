package main_test

import (
	"net/http"
	"strings"
	"testing"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/servertest"
)

func TestOpenAIClientsAreCutOffAndTheAnswerIsKept(t *testing.T) {
	t.Parallel()
	withSDKs(t, func(t *testing.T, at *sdkScene) {
		gate := servertest.NewGate(t, strings.TrimPrefix(at.server.URL, "http://"))
		conversation := at.user.conversation()
		goOn := make(chan struct{})
		at.router.Script(llmtest.Text("Hel"), llmtest.Wait(goOn), llmtest.Text("lo"), llmtest.Finish("stop"), llmtest.Done())
		replied := make(chan sdkHeard, 1)
		go func() {
			replied <- at.sdk(t, "http://"+gate.Addr()+"/api/v1", at.key, sdkCall{Do: "stream", Request: hello(
				map[string]any{"store": true, "metadata": map[string]any{"conversation_id": conversation.ID}})})[0]
		}()
		var answer chat.Message
		eventually(t, "the answer has begun", func() bool {
			page := want[chat.MessagePage](at.user, http.StatusOK, http.MethodGet, "/api/v1/conversations/"+conversation.ID+"/messages", nil)
			if len(page.Data) > 0 {
				answer = page.Data[0]
			}
			return answer.Content == "Hel"
		})
		gate.Shut()
		if heard := <-replied; heard.Content != "Hel" || heard.Error == nil || heard.MessageID != answer.ID {
			t.Errorf("the client was cut off with %+v, %+v", heard, heard.Error)
		}
		resumed := at.user.follow(answer.ID, "")
		close(goOn)
		if last := resumed.until("stream_complete"); last.Data.Content != "Hello" || resumed.Text != "Hello" {
			t.Errorf("resumed it ends with %+v after %q", last, resumed.Text)
		}
		if answer := at.user.message(answer.ID); answer.Content != "Hello" || answer.Status != chat.StatusComplete {
			t.Errorf("it is kept as %+v", answer)
		}
	})
}
