package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	// barePath is where the bare relays listen, and the provider behind them.
	barePath = "/v1/chat/completions"
	// servedModel is one of the service's catalogue.
	servedModel = "openai/gpt-4o-mini"
)

// ask is an answer to order from the scripted provider.
type ask struct {
	chunks, bytes int
	delay         time.Duration
}

// String is the prompt that the provider understands.
func (a ask) String() string {
	return fmt.Sprintf("fake: chunks=%d bytes=%d delay=%s", a.chunks, a.bytes, a.delay)
}

// target is a system under load.
type target struct {
	name      string
	processes []*process
	launch    launcher
	client    *http.Client
	wire      wire
	account   *account // nil for a bare relay, which asks nobody's name
	// path and model are what a completion is asked of that nobody keeps; without a
	// path a question is sent to a conversation.
	path, model string
}

func (t *target) maker() *process  { return t.processes[0] }
func (t *target) reader() *process { return t.processes[len(t.processes)-1] }

// restart puts new processes in the place of the old ones.
func (t *target) restart(ctx context.Context) (err error) {
	t.terminate()
	t.processes, err = t.launch(ctx)
	return err
}

func (t *target) terminate() { terminate(t.processes) }

// prepare makes room for that many more answers.
func (t *target) prepare(ctx context.Context, answers int) error {
	if t.path != "" {
		return nil
	}
	return t.account.prepare(ctx, t, answers)
}

// answer orders an answer, reads it to its end and checks that it is whole.
func (t *target) answer(ctx context.Context, asked ask, see func(text []byte) bool) error {
	response, err := t.open(ctx, asked)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	found, err := t.wire.read(response.Body, see)
	if err == nil {
		err = found.check(asked)
	}
	return t.failed(err)
}

// open orders an answer. The caller closes the body.
func (t *target) open(ctx context.Context, asked ask) (*http.Response, error) {
	path, token := t.path, ""
	body := any(map[string]any{"model": t.model, "stream": true, "messages": []any{
		map[string]string{"role": "user", "content": asked.String()},
	}})
	if t.account != nil {
		token = t.account.token
	}
	if path == "" {
		conversation, err := t.account.take()
		if err != nil {
			return nil, err
		}
		path, body = "/api/v1/conversations/"+conversation+"/messages", map[string]string{"content": asked.String()}
	}
	response, err := t.post(ctx, path, token, body)
	if err == nil && t.maker() != t.reader() {
		response, err = t.follow(ctx, response)
	}
	if err != nil {
		return nil, t.failed(err)
	}
	if kind := response.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/event-stream") {
		_ = response.Body.Close()
		return nil, t.failed(fmt.Errorf("POST %s is answered with %q and no stream", path, kind))
	}
	return response, nil
}

// follow reads elsewhere the answer that was ordered.
func (t *target) follow(ctx context.Context, ordered *http.Response) (*http.Response, error) {
	_, err := io.Copy(io.Discard, ordered.Body) // so that the connection is used again
	if err := errors.Join(err, ordered.Body.Close()); err != nil {
		return nil, err
	}
	url := t.reader().base + ordered.Header.Get("Location")
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	return t.do(request, t.account.token)
}

// post sends JSON to the instance that makes answers. If they are read elsewhere
// it does not wait for them.
func (t *target) post(ctx context.Context, path, token string, body any) (*http.Response, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, t.maker().base+path, bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	if t.maker() != t.reader() {
		request.Header.Set("Prefer", "respond-async")
	}
	return t.do(request, token)
}

// do sends a request. An answer that is no success is an error.
func (t *target) do(request *http.Request, token string) (*http.Response, error) {
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := t.client.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode < 300 {
		return response, nil
	}
	defer func() { _ = response.Body.Close() }()
	said, _ := io.ReadAll(io.LimitReader(response.Body, 512)) // as much as came
	return nil, fmt.Errorf("%s %s: %s: %s", request.Method, request.URL.Path, response.Status, said)
}

// failed names the system that an error is of, and adds what its processes said.
func (t *target) failed(err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("%s: %w", t.name, err)
	for _, p := range t.processes {
		err = p.explain(err)
	}
	return err
}

// everything is a reader that wants the whole answer.
func everything([]byte) bool { return true }
