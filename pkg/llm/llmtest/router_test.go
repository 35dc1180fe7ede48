package llmtest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"dreamchat/pkg/llm/llmtest"
)

func post(t *testing.T, url, body string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/chat/completions", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}

func read(t *testing.T, response *http.Response) string {
	t.Helper()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestScriptsAreTakenInTurn(t *testing.T) {
	t.Parallel()
	router := llmtest.New(t)
	router.Script(llmtest.Text("first"), llmtest.Done())
	router.Script(llmtest.ErrorStatus(429, "Slow \"down\"", "7"))
	router.Choose(func(e *llmtest.Exchange) []llmtest.Step {
		return []llmtest.Step{llmtest.Text("chosen for " + string(e.Body))}
	})

	if got := read(t, post(t, router.URL, "1")); !strings.Contains(got, `"content":"first"`) || !strings.HasSuffix(got, "data: [DONE]\n\n") {
		t.Errorf("got %s", got)
	}
	refused := post(t, router.URL, "2")
	if got := read(t, refused); got != `{"error":{"code":429,"message":"Slow \"down\""}}` ||
		refused.StatusCode != http.StatusTooManyRequests || refused.Header.Get("Retry-After") != "7" {
		t.Errorf("got %s, %s", refused.Status, got)
	}
	if got := read(t, post(t, router.URL, "3")); !strings.Contains(got, "chosen for 3") {
		t.Errorf("got %s", got)
	}
	if all := router.Exchanges(); len(all) != 3 || string(all[1].Body) != "2" || all[1].Path != "/v1/chat/completions" {
		t.Errorf("recorded %v", all)
	}
}

func TestTitlesStandApart(t *testing.T) {
	t.Parallel()
	router := llmtest.New(t)
	router.Script(llmtest.Text("an answer"))
	router.ScriptTitle(llmtest.Text("a title"))
	const title = `{"model":"test/model","max_tokens":24}`
	for _, step := range []struct{ body, want string }{
		{title, `"content":"a title"`},
		{title, `"content":"scripted "`},
		{`{"max_tokens":25}`, `"content":"an answer"`},
		{`{"max_tokens":25}`, `"content":"Hello "`},
	} {
		if got := read(t, post(t, router.URL, step.body)); !strings.Contains(got, step.want) {
			t.Fatalf("%s is answered %s", step.body, got)
		}
	}
	second, err := router.AwaitTitle(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	if all := router.Titles(); len(all) != 2 || all[1] != second || string(second.Body) != title || len(router.Exchanges()) != 2 {
		t.Errorf("recorded %d titles and %d answers", len(all), len(router.Exchanges()))
	}
}

func TestAnswerIsTheDefault(t *testing.T) {
	t.Parallel()
	router := llmtest.New(t)
	response := post(t, router.URL, "{}")
	got := read(t, response)
	for _, part := range []string{": OPENROUTER PROCESSING\n\n", `"finish_reason":"stop"`, `"cost":0.000123`, "data: [DONE]\n\n"} {
		if !strings.Contains(got, part) {
			t.Errorf("%q is missing in %s", part, got)
		}
	}
	if response.Header.Get("X-Generation-Id") == "" || response.Header.Get("Content-Type") != "text/event-stream" {
		t.Errorf("headers %v", response.Header)
	}
	for line := range strings.Lines(got) {
		if data, ok := strings.CutPrefix(line, "data: {"); ok && !json.Valid([]byte("{"+data)) {
			t.Errorf("not JSON: %s", line)
		}
	}
}

func TestTheTestDecidesWhenTheStreamGoesOn(t *testing.T) {
	t.Parallel()
	router := llmtest.New(t)
	goOn := make(chan struct{})
	router.Script(llmtest.Raw("one\n"), llmtest.Wait(goOn), llmtest.Delay(time.Millisecond), llmtest.SplitBytes(1), llmtest.Raw("two\n"))
	lines := bufio.NewReader(post(t, router.URL, "").Body)
	if line, err := lines.ReadString('\n'); line != "one\n" || err != nil {
		t.Fatalf("read %q, %v", line, err)
	}
	close(goOn)
	if line, err := lines.ReadString('\n'); line != "two\n" || err != nil {
		t.Errorf("read %q, %v", line, err)
	}
	<-router.Exchanges()[0].Done
}

func TestAClientThatLeavesIsRecorded(t *testing.T) {
	t.Parallel()
	router := llmtest.New(t)
	router.Script(llmtest.Hang())
	response := post(t, router.URL, "")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	exchange, err := router.Await(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-exchange.Gone:
		t.Fatal("gone before it left")
	default:
	}
	_ = response.Body.Close()
	select {
	case <-exchange.Gone:
	case <-ctx.Done():
		t.Error("its leaving was not seen")
	}
	<-exchange.Done
}

func TestAwaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(enough)
	if _, err := llmtest.New(t).Await(ctx, 1); !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	router := llmtest.New(t)
	router.Script(llmtest.Text("half"), llmtest.Cut())
	if body, err := io.ReadAll(post(t, router.URL, "").Body); err == nil || !strings.Contains(string(body), "half") {
		t.Errorf("read %q, %v", body, err)
	}
}

func TestModels(t *testing.T) {
	t.Parallel()
	router := llmtest.New(t)
	response, err := http.Get(router.URL + "/models")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var list struct {
		Data []struct {
			ID      string
			Pricing struct{ Prompt, Completion string }
		}
	}
	if err := json.NewDecoder(response.Body).Decode(&list); err != nil || len(list.Data) < 3 || list.Data[0].Pricing.Prompt == "" {
		t.Errorf("got %+v, %v", list, err)
	}
	other, err := http.Get(router.URL + "/other")
	if err != nil {
		t.Fatal(err)
	}
	if _ = other.Body.Close(); other.StatusCode != http.StatusNotFound {
		t.Errorf("another path: %s", other.Status)
	}
}
