package api_test

import (
	"context"
	"io"
	"net/http"
	"sync"
	"testing"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/problem"
)

func TestTooManyReadersOfOneAnswer(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	s.Router.Script(llmtest.Text("one"), llmtest.Hang())
	user := s.User()
	first := user.Send(t.Context(), user.Conversation().ID, "Count")
	ack, _ := first.Next()
	answerID := ack.Data["messageId"].(string)
	path := "/api/v1/messages/" + answerID + "/events"

	reading, leave := context.WithCancel(t.Context())
	var attached, gone sync.WaitGroup
	attached.Add(chat.MaxReaders - 1)
	for range chat.MaxReaders - 1 { // and who has sent the question
		gone.Go(func() { attend(reading, t, user, s.URL+path, attached.Done) })
	}
	attached.Wait()
	refused := user.Get(path).Problem(problem.TooMany)
	if refused.RetryAfter == 0 {
		t.Errorf("it does not tell when to come again: %+v", refused)
	}
	leave()
	gone.Wait()
	apitest.Eventually(t, "there is room again", func() bool {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		response := user.Open(ctx, http.MethodGet, path, nil)
		defer response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
}

// attend reads a stream until ctx is done.
func attend(ctx context.Context, t *testing.T, user *apitest.User, url string, attached func()) {
	transport := new(http.Transport)
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Error(err)
	}
	request.Header.Set("Authorization", "Bearer "+user.Token)
	response, err := transport.RoundTrip(request)
	attached()
	if err != nil {
		t.Error(err)
		return
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("a reader gets %s", response.Status)
	}
	_, _ = io.Copy(io.Discard, response.Body) // until it leaves
}
