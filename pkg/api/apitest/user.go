package apitest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/id"
	"dreamchat/pkg/problem"
)

// password is that of every user.
const password = "a long password"

// User sends requests as somebody, or as nobody if Token is empty.
type User struct {
	Token   string
	Session auth.Session

	service   *Service
	transport *http.Transport
	client    *http.Client
}

// Nobody is a caller without a token.
func (s *Service) Nobody() *User {
	transport := &http.Transport{DisableCompression: true}
	s.tb.Cleanup(transport.CloseIdleConnections)
	return &User{service: s, transport: transport, client: s.client(s.tb, transport)}
}

// client holds every exchange to the document.
func (s *Service) client(tb testing.TB, transport *http.Transport) *http.Client {
	return &http.Client{Transport: s.Contract.Transport(tb, transport)}
}

// User registers a new user.
func (s *Service) User() *User {
	s.tb.Helper()
	user := s.Nobody()
	name := "user" + strings.ReplaceAll(id.New(), "-", "")[8:32]
	user.Session = Decode[auth.Session](user.Post("/api/v1/auth/register", map[string]string{
		"email": name + "@example.com", "username": name, "password": password,
	}).Status(http.StatusCreated))
	user.Token = user.Session.AccessToken
	return user
}

// Login is a user who registered at another service on the same store.
func (s *Service) Login(known *User) *User {
	s.tb.Helper()
	user := s.Nobody()
	user.Session = Decode[auth.Session](user.Post("/api/v1/auth/login", map[string]string{
		"username": known.Session.User.Username, "password": password,
	}).Status(http.StatusOK))
	user.Token = user.Session.AccessToken
	return user
}

// As is a user of another instance who sends requests to this one.
func (s *Service) As(user *User) *User {
	here := s.Nobody()
	here.Token, here.Session = user.Token, user.Session
	return here
}

// In is the user in a subtest, which then fails by itself.
func (u *User) In(tb testing.TB) *User {
	user, service := *u, *u.service
	service.tb, user.service = tb, &service
	user.client = service.client(tb, u.transport)
	return &user
}

// Reply is a whole response.
type Reply struct {
	*http.Response
	Bytes []byte

	tb testing.TB
}

// Get sends a GET.
func (u *User) Get(path string, headers ...string) *Reply {
	u.service.tb.Helper()
	return u.Do(http.MethodGet, path, nil, headers...)
}

// Post sends a POST with a body: JSON of the value, or the string as it is.
func (u *User) Post(path string, body any, headers ...string) *Reply {
	u.service.tb.Helper()
	return u.Do(http.MethodPost, path, body, headers...)
}

// Do sends a request and reads the whole response. Headers are "Name: value".
func (u *User) Do(method, path string, body any, headers ...string) *Reply {
	u.service.tb.Helper()
	response := u.Open(context.Background(), method, path, body, headers...)
	defer func() { _ = response.Body.Close() }()
	read, err := io.ReadAll(response.Body)
	if err != nil {
		u.service.tb.Fatalf("%s %s: %v", method, path, err)
	}
	return &Reply{Response: response, Bytes: read, tb: u.service.tb}
}

// Open sends a request and leaves the body of the response to the caller.
func (u *User) Open(ctx context.Context, method, path string, body any, headers ...string) *http.Response {
	u.service.tb.Helper()
	response, err := u.send(ctx, method, path, body, headers...)
	if err != nil {
		u.service.tb.Fatalf("%s %s: %v", method, path, err)
	}
	return response
}

// Leave sends a request and goes away when ctx is done, whatever came by then.
func (u *User) Leave(ctx context.Context, method, path string, body any, headers ...string) {
	u.service.tb.Helper()
	response, err := u.send(ctx, method, path, body, headers...)
	if err != nil {
		return // it left before the response began
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.Copy(io.Discard, response.Body)
}

func (u *User) send(ctx context.Context, method, path string, body any, headers ...string) (*http.Response, error) {
	u.service.tb.Helper()
	request, err := http.NewRequestWithContext(ctx, method, u.service.URL+path, encode(u.service.tb, body))
	if err != nil {
		u.service.tb.Fatal(err)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if u.Token != "" {
		request.Header.Set("Authorization", "Bearer "+u.Token)
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		if value == "" {
			request.Header.Del(name)
			continue
		}
		request.Header.Set(name, value)
	}
	return u.client.Do(request)
}

func encode(tb testing.TB, body any) io.Reader {
	tb.Helper()
	switch body := body.(type) {
	case nil:
		return http.NoBody
	case string:
		return strings.NewReader(body)
	}
	text, err := json.Marshal(body)
	if err != nil {
		tb.Fatal(err)
	}
	return bytes.NewReader(text)
}

// Status fails the test if the status is another.
func (r *Reply) Status(want int) *Reply {
	r.tb.Helper()
	if r.StatusCode != want {
		r.tb.Fatalf("%s %s: status %d, want %d\n%s", r.Request.Method, r.Request.URL.Path, r.StatusCode, want, r.Bytes)
	}
	return r
}

// Problem fails the test if the response is not a problem of this kind.
func (r *Reply) Problem(want problem.Kind) problem.Document {
	r.tb.Helper()
	r.Status(want.Status())
	document := Decode[problem.Document](r)
	if document.Code != want.Code() {
		r.tb.Fatalf("%s %s: code %s, want %s\n%s", r.Request.Method, r.Request.URL.Path, document.Code, want.Code(), r.Bytes)
	}
	if id := r.Header.Get("X-Request-Id"); document.Instance != id {
		r.tb.Errorf("%s %s: instance %q, but X-Request-Id is %q", r.Request.Method, r.Request.URL.Path, document.Instance, id)
	}
	return document
}

// Decode reads the JSON of a response.
func Decode[T any](r *Reply) T {
	r.tb.Helper()
	var into T
	if err := json.Unmarshal(r.Bytes, &into); err != nil {
		r.tb.Fatalf("%s %s: %v\n%s", r.Request.Method, r.Request.URL.Path, err, r.Bytes)
	}
	return into
}

// Conversation makes a conversation. It has a title, so that the server does not
// change it in the background, in the middle of a test, to give it one.
func (u *User) Conversation() chat.Conversation {
	u.service.tb.Helper()
	return Decode[chat.Conversation](u.Post("/api/v1/conversations", map[string]any{"title": "Named"}).Status(http.StatusCreated))
}

// Exchange is a question with its answer.
type Exchange struct {
	UserMessage chat.Message `json:"userMessage"`
	Message     chat.Message `json:"message"`
}

// Ask sends a question and waits for the whole answer.
func (u *User) Ask(conversationID, content string) Exchange {
	u.service.tb.Helper()
	reply := u.Post("/api/v1/conversations/"+conversationID+"/messages",
		map[string]any{"content": content}, "Accept: application/json")
	return Decode[Exchange](reply.Status(http.StatusCreated))
}

// Eventually polls until something holds, for ten seconds at most.
func Eventually(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			tb.Fatalf("never: %s", what)
		case <-tick.C:
		}
	}
}
