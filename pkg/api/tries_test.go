package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"dreamchat/pkg/api"
	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm"
	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/problem"
)

const (
	second = "deepseek/deepseek-chat"
	third  = "meta-llama/llama-3.1-8b-instruct"
)

// retrying starts a service that asks models again, soon.
func retrying(t *testing.T, tries int, fallbacks ...string) *apitest.Service {
	t.Helper()
	return apitest.Start(t, apitest.Options{Silence: time.Second, Change: func(server *api.Server) {
		server.Generations.Retries = chat.Retries{Tries: tries, Pause: time.Millisecond, Limit: 20 * time.Second}
		server.Models.Fallbacks = fallbacks
	}})
}

// asked are the models that the provider was asked for, in order.
func asked(t *testing.T, s *apitest.Service) []string {
	t.Helper()
	var models []string
	for _, exchange := range s.Router.Exchanges() {
		var body struct{ Model string }
		if err := json.Unmarshal(exchange.Body, &body); err != nil {
			t.Fatal(err)
		}
		models = append(models, body.Model)
	}
	return models
}

// tried is what the metadata of an answer tells of the tries that failed.
func tried(message chat.Message) string {
	told := ""
	list, _ := message.Metadata["tried"].([]any)
	for _, entry := range list {
		try, _ := entry.(map[string]any)
		told += fmt.Sprint(try["model"], " ", try["code"], "; ")
	}
	return told
}

type trial struct {
	name      string
	scripts   [][]llmtest.Step
	fallbacks []string // of the request
	asked     []string
	tried     string
	kind      problem.Kind // what it ends with, 0 for an answer
	text      string
}

func trials() []trial {
	const first = apitest.Model
	status := func(code int) []llmtest.Step { return []llmtest.Step{llmtest.ErrorStatus(code, "Oh no.", "")} }
	answer := []llmtest.Step{llmtest.Answer("Whole.")}
	return []trial{
		{"the second try", [][]llmtest.Step{status(500), answer}, nil, []string{first, first}, first + " upstream_error; ", 0, "Whole."},
		{"overloaded", [][]llmtest.Step{status(503), answer}, nil, []string{first, first}, first + " upstream_busy; ", 0, "Whole."},
		{"cut before the first token", [][]llmtest.Step{{llmtest.Comment("PROCESSING"), llmtest.Cut()}, answer}, nil, []string{first, first}, first + " upstream_error; ", 0, "Whole."},
		{"error chunk first", [][]llmtest.Step{{llmtest.ErrorChunk("502", "Oh no.")}, answer}, nil, []string{first, first}, first + " upstream_error; ", 0, "Whole."},
		{"no try is left", [][]llmtest.Step{status(500), status(500), answer}, nil, []string{first, first}, first + " upstream_error; ", problem.Upstream, ""},
		{"refused for good", [][]llmtest.Step{status(400), answer}, nil, []string{first}, "", problem.UpstreamRejected, ""},
		{"silent", [][]llmtest.Step{{llmtest.Silence()}, answer}, nil, []string{first}, "", problem.UpstreamTimeout, ""},
		{
			"the fallback",
			[][]llmtest.Step{status(500), status(500), answer},
			[]string{second},
			[]string{first, first, second},
			first + " upstream_error; " + first + " upstream_error; ", 0, "Whole.",
		},
		{
			"the second fallback",
			[][]llmtest.Step{status(401), {llmtest.Hang()}, answer},
			[]string{second, first, second, third},
			[]string{first, second, third},
			first + " upstream_auth; " + second + " upstream_timeout; ", 0, "Whole.",
		},
		{
			"all fail",
			[][]llmtest.Step{status(404), status(402)},
			[]string{second},
			[]string{first, second},
			first + " upstream_rejected; ", problem.UpstreamRejected, "",
		},
		{
			"broken after the first word",
			[][]llmtest.Step{{llmtest.Text("Half"), llmtest.Cut()}, answer},
			[]string{second},
			[]string{first},
			"", problem.Upstream, "Half",
		},
		{
			"broken after a thought",
			[][]llmtest.Step{{llmtest.Reasoning("Hm"), llmtest.ErrorChunk("502", "Oh no.")}, answer},
			[]string{second},
			[]string{first},
			"", problem.Upstream, "",
		},
		{
			"broken in the fallback",
			[][]llmtest.Step{status(400), {llmtest.Text("Half"), llmtest.Cut()}, answer},
			[]string{second, third},
			[]string{first, second},
			first + " upstream_rejected; ", problem.Upstream, "Half",
		},
	}
}

func TestModelsAreTriedUntilTheFirstToken(t *testing.T) {
	t.Parallel()
	for _, tt := range trials() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := retrying(t, 2)
			for _, script := range tt.scripts {
				s.Router.Script(script...)
			}
			user := s.User()
			body := map[string]any{"content": "Hi"}
			if tt.fallbacks != nil {
				body["fallbackModels"] = tt.fallbacks
			}
			stream := user.Stream(t.Context(), http.MethodPost, "/api/v1/conversations/"+user.Conversation().ID+"/messages", body)
			ack, _ := stream.Next()
			last := stream.Last()
			message := stored(user, last.Data["messageId"].(string))
			if got := asked(t, s); !slices.Equal(got, tt.asked) {
				t.Errorf("asked were %v, want %v", got, tt.asked)
			}
			if got := tried(message); got != tt.tried {
				t.Errorf("tried are %q, want %q", got, tt.tried)
			}
			model := tt.asked[len(tt.asked)-1]
			if ack.Data["model"] != apitest.Model || message.ModelID != model || message.Content != tt.text {
				t.Errorf("ack: %+v\nstored: %+v", ack, message)
			}
			wantEnd(t, last, tt.kind, model)
			prove(t, last, tt.text)
			again := user.Follow(t.Context(), message.ID)
			if replayed, _ := again.Next(); fmt.Sprint(replayed) != fmt.Sprint(ack) || fmt.Sprint(again.Last()) != fmt.Sprint(last) {
				t.Errorf("live the stream began with\n%+v\nagain with\n%+v", ack, replayed)
			}
		})
	}
}

func wantEnd(t *testing.T, last apitest.StreamEvent, kind problem.Kind, model string) {
	t.Helper()
	switch {
	case kind == 0 && (last.Name != "stream_complete" || last.Data["model"] != model):
		t.Errorf("the stream ends with %+v", last)
	case kind != 0 && (last.Name != "stream_error" || last.Data["code"] != kind.Code()):
		t.Errorf("the stream ends with %+v, want %s", last, kind)
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	t.Parallel()
	s := retrying(t, 3)
	s.Router.Script(llmtest.ErrorStatus(http.StatusTooManyRequests, "Slow down", "1"))
	user := s.User()
	began := time.Now()
	answer := user.Ask(user.Conversation().ID, "Hi").Message
	if took := time.Since(began); took < time.Second || answer.Status != chat.StatusComplete {
		t.Errorf("after %v: %+v", took, answer)
	}
}

func TestRetryAfterIsNotWaitedForTooLong(t *testing.T) {
	t.Parallel()
	s := retrying(t, 3)
	user := s.User()
	s.Router.Script(llmtest.ErrorStatus(http.StatusTooManyRequests, "Slow down", "21"))
	user.Post("/api/v1/conversations/"+user.Conversation().ID+"/messages",
		map[string]any{"content": "Hi"}, "Accept: application/json").Problem(problem.UpstreamBusy)
	// A fallback leaves each model its share.
	s.Router.Script(llmtest.ErrorStatus(http.StatusTooManyRequests, "Slow down", "11"))
	began := time.Now()
	answer := apitest.Decode[apitest.Exchange](user.Post("/api/v1/conversations/"+user.Conversation().ID+"/messages",
		map[string]any{"content": "Hi", "fallbackModels": []string{second}}, "Accept: application/json").Status(http.StatusCreated)).Message
	if answer.ModelID != second || time.Since(began) > 10*time.Second {
		t.Errorf("after %v: %+v", time.Since(began), answer)
	}
}

func TestStopEndsAWaitBetweenTries(t *testing.T) {
	t.Parallel()
	s := retrying(t, 3, second)
	s.Router.Script(llmtest.ErrorStatus(http.StatusTooManyRequests, "Slow down", "9"))
	user := s.User()
	stream := user.Send(t.Context(), user.Conversation().ID, "Hi")
	ack, _ := stream.Next()
	answerID := ack.Data["messageId"].(string)
	upstream, err := s.Router.Await(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	<-upstream.Done
	began := time.Now()
	user.Post("/api/v1/messages/"+answerID+"/stop", nil).Status(http.StatusAccepted)
	last := stream.Last()
	if took := time.Since(began); last.Data["finishReason"] != "stopped" || took > 5*time.Second {
		t.Errorf("after %v: %+v", took, last)
	}
	if got := asked(t, s); len(got) != 1 {
		t.Errorf("asked were %v", got)
	}
}

func TestShutdownEndsAWaitBetweenTries(t *testing.T) {
	t.Parallel()
	s := retrying(t, 3)
	s.Server.Generations.Grace = 20 * time.Second // not what ends the wait
	s.Router.Script(llmtest.ErrorStatus(http.StatusTooManyRequests, "Slow down", "15"))
	user := s.User()
	ack, _ := user.Send(t.Context(), user.Conversation().ID, "Hi").Next()
	upstream, err := s.Router.Await(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	<-upstream.Done
	began := time.Now()
	s.Stop()
	if answer := inSQL(t, s, user, ack); answer.Status != chat.StatusInterrupted || time.Since(began) > 10*time.Second {
		t.Errorf("after %v: %+v", time.Since(began), answer)
	}
}

// A server that dies leaves an answer that tells who was making it.
func TestTheModelThatAnswersIsSavedMeanwhile(t *testing.T) {
	t.Parallel()
	s := retrying(t, 1, second)
	s.Server.Models.Providers["openrouter"].(*llm.Client).Silence = time.Minute // not what ends the answer
	s.Router.Script(llmtest.ErrorStatus(http.StatusBadRequest, "No.", ""))
	s.Router.Script(llmtest.Text("Half"), llmtest.Hang())
	user := s.User()
	stream := user.Send(t.Context(), user.Conversation().ID, "Hi")
	ack, _ := stream.Next()
	answerID := ack.Data["messageId"].(string)
	apitest.Eventually(t, "the answer is saved", func() bool { return stored(user, answerID).Content == "Half" })
	if message := stored(user, answerID); message.ModelID != second || tried(message) != apitest.Model+" upstream_rejected; " {
		t.Errorf("stored: %+v", message)
	}
}
