package llm_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm"
	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/problem"
)

// promptly is far less than any deadline of the client, so what happens within
// it happens because somebody left. Idle machines take a millisecond.
const promptly = time.Second

func TestAnswer(t *testing.T) {
	t.Parallel()
	router := llmtest.New(t)
	router.Script(
		llmtest.Comment("OPENROUTER PROCESSING"), llmtest.Reasoning("Hm", "m."), llmtest.Text("Hello", " wor", "ld 🙂"),
		llmtest.Finish("stop"), llmtest.Usage(12, 5, 2, "0.00001234"), llmtest.Done())
	got := listen(clientOf(t, router).Complete(t.Context(), ask("test/model", "Hi")))
	want := heard{
		text: "Hello world 🙂", reasoning: "Hmm.", generation: "gen-test", model: "test/model", finish: "stop",
		usage: "12+5(2)=17, 0.00001234",
	}
	if got != want {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestGenerationIDIsToldBeforeAnyChunk(t *testing.T) {
	t.Parallel()
	router := llmtest.New(t)
	router.Script(llmtest.Hang())
	for delta, err := range clientOf(t, router).Complete(t.Context(), ask("m", "Hi")) {
		if err != nil || !reflect.DeepEqual(delta, chat.Delta{GenerationID: "gen-test"}) {
			t.Errorf("got %+v, %v", delta, err)
		}
		break
	}
}

// It is not parallel, since others would slow what is measured.
func TestCancellationClosesTheConnection(t *testing.T) {
	for name, script := range map[string][]llmtest.Step{
		"before the header": {llmtest.Silence()},
		"before a chunk":    {llmtest.Hang()},
		"after a chunk":     {llmtest.Text("Hello"), llmtest.Hang()},
	} {
		t.Run(name, func(t *testing.T) {
			router := llmtest.New(t)
			router.Script(script...)
			ctx, cancel := context.WithCancelCause(t.Context())
			stopped := errors.New("stopped by its owner")
			answer := make(chan heard, 1)
			go func() { answer <- listen(clientOf(t, router).Complete(ctx, ask("m", "Hi"))) }()
			sent := await(t, router, 1)
			cancel(stopped)
			soon(t, "the connection closes", sent.Gone, promptly)
			if got := <-answer; !errors.Is(got.err, stopped) {
				t.Errorf("ended with %v, want the cause", got.err)
			}
		})
	}
}

// It is not parallel, since others would slow what is measured.
func TestLeavingClosesTheConnection(t *testing.T) {
	router := llmtest.New(t)
	router.Script(llmtest.Text("Hello"), llmtest.Hang())
	for delta, err := range clientOf(t, router).Complete(t.Context(), ask("m", "Hi")) {
		if err != nil {
			t.Fatal(err)
		}
		if delta.Text != "" {
			break
		}
	}
	soon(t, "the connection closes", await(t, router, 1).Gone, promptly)
}

func TestSilence(t *testing.T) {
	t.Parallel()
	for name, script := range map[string][]llmtest.Step{
		"before the header": {llmtest.Silence()},
		"before a chunk":    {llmtest.Hang()},
		"after a comment":   {llmtest.Comment("OPENROUTER PROCESSING"), llmtest.Hang()},
		"after a chunk":     {llmtest.Text("Hello"), llmtest.Hang()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			router := llmtest.New(t)
			router.Script(script...)
			client := clientOf(t, router)
			client.Silence = 100 * time.Millisecond
			began := time.Now()
			got := listen(client.Complete(t.Context(), ask("m", "Hi")))
			if problemOf(t, got.err).Kind != problem.UpstreamTimeout {
				t.Errorf("ended with %v", got.err)
			}
			if took := time.Since(began); took < client.Silence || took > 20*client.Silence {
				t.Errorf("ended after %v", took)
			}
			soon(t, "the connection closes", await(t, router, 1).Gone, time.Second)
		})
	}
}

func TestCommentsAreSignsOfLife(t *testing.T) {
	t.Parallel()
	router := llmtest.New(t)
	var script []llmtest.Step
	for range 12 {
		script = append(script, llmtest.Comment("OPENROUTER PROCESSING"), llmtest.Delay(50*time.Millisecond))
	}
	router.Script(append(script, llmtest.Answer("At last."))...)
	client := clientOf(t, router)
	client.Silence = 400 * time.Millisecond
	if got := listen(client.Complete(t.Context(), ask("m", "Hi"))); got.err != nil || got.text != "At last." {
		t.Errorf("got %+v", got)
	}
}

func TestSignsOfLifeAreNoFirstToken(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]llmtest.Step{
		"comments":   llmtest.Comment("OPENROUTER PROCESSING"),
		"the header": llmtest.Raw(""),
		"a chunk without words": llmtest.Chunk(
			`{"id":"gen-test","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			router := llmtest.New(t)
			var script []llmtest.Step
			for range 200 {
				script = append(script, begin, llmtest.Delay(50*time.Millisecond))
			}
			router.Script(append(script, llmtest.Answer("Too late."))...)
			client := clientOf(t, router)
			client.FirstToken = 300 * time.Millisecond
			began := time.Now()
			got := listen(client.Complete(t.Context(), ask("m", "Hi")))
			if took := time.Since(began); problemOf(t, got.err).Kind != problem.UpstreamTimeout || took < client.FirstToken || took > 20*client.FirstToken {
				t.Errorf("after %v: %+v", took, got)
			}
			soon(t, "the connection closes", await(t, router, 1).Gone, time.Second)
		})
	}
}

func TestAnswersMayTakeLongOnceTheyHaveBegun(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]llmtest.Step{"text": llmtest.Text("Hello"), "reasoning": llmtest.Reasoning("Hm")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			router := llmtest.New(t)
			router.Script(first, llmtest.Delay(600*time.Millisecond), llmtest.Text("."), llmtest.Finish("stop"), llmtest.Done())
			client := clientOf(t, router)
			client.FirstToken = 300 * time.Millisecond
			if got := listen(client.Complete(t.Context(), ask("m", "Hi"))); got.err != nil || got.finish != "stop" {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestFinishedAnswerDoesNotWaitForDone(t *testing.T) {
	t.Parallel()
	router := llmtest.New(t)
	router.Script(llmtest.Text("Hello"), llmtest.Finish("stop"), llmtest.Usage(1, 1, 0, ""), llmtest.Done(), llmtest.Hang())
	began := time.Now()
	got := listen(clientOf(t, router).Complete(t.Context(), ask("m", "Hi")))
	if got.err != nil || got.finish != "stop" || time.Since(began) > 2*time.Second {
		t.Errorf("got %+v after %v", got, time.Since(began))
	}
}

func TestConnectionIsUsedAgain(t *testing.T) {
	t.Parallel()
	router := llmtest.New(t)
	client := clientOf(t, router)
	reused := 0
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) {
			if info.Reused {
				reused++
			}
		},
	})
	const answers = 10
	for range answers {
		if got := listen(client.Complete(ctx, ask("m", "Hi"))); got.err != nil {
			t.Fatal(got.err)
		}
	}
	if reused < answers-2 {
		t.Errorf("%d of %d answers used a connection again", reused, answers)
	}
}

func TestHTTP2(t *testing.T) {
	t.Parallel()
	router := new(llmtest.Router)
	router.Script(llmtest.Text("Hello"), llmtest.Finish("stop"), llmtest.Done())
	router.Script(llmtest.Text("Hello"), llmtest.Hang())
	var major atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		major.Store(int32(r.ProtoMajor))
		router.ServeHTTP(w, r)
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	transport := llm.NewTransport()
	transport.TLSClientConfig = server.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	transport.TLSClientConfig.NextProtos = nil
	defer transport.CloseIdleConnections()
	client := &llm.Client{BaseURL: server.URL + "/v1", HTTP: &http.Client{Transport: transport}, Silence: 10 * time.Second}
	if got := listen(client.Complete(t.Context(), ask("m", "Hi"))); got.err != nil || got.text != "Hello" || major.Load() != 2 {
		t.Errorf("got %+v over HTTP/%d", got, major.Load())
	}
	for delta, err := range client.Complete(t.Context(), ask("m", "Hi")) {
		if err != nil || delta.Text != "" {
			break
		}
	}
	soon(t, "the stream is reset", await(t, router, 2).Gone, promptly)
}
