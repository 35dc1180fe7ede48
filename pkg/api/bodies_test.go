package api_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"dreamchat/pkg/api"
	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/problem"
)

// hasty gives bodies a moment only.
func hasty(server *api.Server) { server.BodyTimeout = 300 * time.Millisecond }

// head is that of a request with a body.
func head(line, token string, more ...string) []string {
	return append([]string{line + " HTTP/1.1", "Host: chat.example", "Authorization: Bearer " + token, "Content-Type: application/json"}, more...)
}

func TestBodyInACodingOfItsOwn(t *testing.T) {
	t.Parallel()
	user := apitest.Start(t, apitest.Options{}).User()
	for name, header := range map[string]string{
		"gzip":          "Content-Encoding: gzip",
		"two":           "Content-Encoding: identity, br",
		"Latin-1":       "Content-Type: application/json; charset=iso-8859-1",
		"UTF-16":        "Content-Type: application/json; charset=utf-16",
		"no charset":    "Content-Type: application/json; charset=",
		"two charsets":  "Content-Type: application/json; charset=utf-8; charset=latin1",
		"unknown media": "Content-Type: application/jsonp",
	} {
		t.Run(name, func(t *testing.T) {
			user.In(t).Post("/api/v1/conversations", `{"title":"x"}`, header).Problem(problem.UnsupportedMedia)
			user.In(t).Post("/api/v1/ai/chat", apitest.UITurn("chat-1", "m1", "Hi"), header).Problem(problem.UnsupportedMedia)
			told := envelope(user.In(t).Post(completions, completion(apitest.Model, "Hi"), header).Status(http.StatusUnsupportedMediaType))
			if told.Code != problem.UnsupportedMedia.Code() {
				t.Errorf("told %+v", told)
			}
		})
	}
	for _, header := range []string{"Content-Encoding: identity", "Content-Type: Application/JSON; Charset=UTF-8", `Content-Type: application/json; charset="utf-8"`} {
		user.Post("/api/v1/conversations", `{"title":"x"}`, header).Status(http.StatusCreated)
	}
}

func TestBodyThatDoesNotCome(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Change: hasty})
	user := s.User()
	message := "/api/v1/messages/" + user.Ask(user.Conversation().ID, "Hi").Message.ID
	for name, test := range map[string]struct {
		line, token string
		more        []string
		body        string
		status      int
	}{
		"its end is missing":               {"POST /api/v1/conversations", user.Token, []string{"Content-Length: 100"}, `{"title":`, 408},
		"nothing of it comes":              {"POST /api/v1/conversations", user.Token, []string{"Content-Length: 100"}, "", 408},
		"its last chunk is missing":        {"POST /api/v1/conversations", user.Token, []string{"Transfer-Encoding: chunked"}, "5\r\n{\"tit\r\n", 408},
		"before a login":                   {"POST /api/v1/auth/login", "", []string{"Content-Length: 100"}, "{", 408},
		"on the way to a provider":         {"POST " + completions, user.Token, []string{"Content-Length: 100"}, "{", 408},
		"nobody reads it":                  {"POST " + message + "/stop", user.Token, []string{"Content-Length: 100"}, "{", 200},
		"nobody lets it in":                {"POST /api/v1/conversations", "", []string{"Content-Length: 100"}, "{", 401},
		"it belongs to a GET":              {"GET /api/v1/models", user.Token, []string{"Content-Length: 100"}, "{", 200},
		"it belongs to a stream":           {"GET " + message + "/events", user.Token, []string{"Content-Length: 100"}, "{", 200},
		"it belongs to a DELETE":           {"DELETE /api/v1/conversations/" + user.Conversation().ID, user.Token, []string{"Content-Length: 100"}, "{", 204},
		"it belongs to a preflight":        {"OPTIONS /api/v1/models", "", []string{"Content-Length: 100"}, "{", 204},
		"it belongs to nothing":            {"POST /api/v1/nothing", "", []string{"Content-Length: 100"}, "{", 404},
		"it was to be asked for":           {"POST /api/v1/conversations", user.Token, []string{"Content-Length: 100", "Expect: 100-continue"}, "", 408},
		"it is asked for and nobody reads": {"GET /api/v1/models", user.Token, []string{"Content-Length: 100", "Expect: 100-continue"}, "", 200},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t, s)
			w.say(test.body, head(test.line, test.token, test.more...)...)
			reply, body := w.hear()
			if reply.StatusCode == http.StatusContinue {
				reply, body = w.hear()
			}
			if reply.StatusCode != test.status {
				t.Errorf("status %d, want %d: %s", reply.StatusCode, test.status, body)
			}
			if test.status == http.StatusRequestTimeout && !strings.Contains(body, problem.RequestTimeout.Code()) {
				t.Errorf("told %s", body)
			}
			w.ended()
		})
	}
}

// A client that sends a little all the time gets no more time than others.
func TestBodyThatDrips(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Change: hasty})
	user := s.User()
	w := newWire(t, s)
	w.say("", head("POST /api/v1/conversations", user.Token, "Content-Length: 1000000")...)
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		drip := time.NewTicker(5 * time.Millisecond)
		defer drip.Stop()
		for range drip.C {
			if _, err := w.Write([]byte(" ")); err != nil {
				return
			}
		}
	}()
	if reply, body := w.hear(); reply.StatusCode != http.StatusRequestTimeout {
		t.Errorf("status %d: %s", reply.StatusCode, body)
	}
	w.ended()
	<-gone
}

// A stream whose request had a body outlives the time that the body had.
func TestBodyTimeEndsWithTheBody(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Change: func(server *api.Server) {
		hasty(server)
		server.Heartbeat = 50 * time.Millisecond
	}})
	user := s.User()
	w := newWire(t, s)
	w.say("{}", head("GET /api/v1/events", user.Token, "Content-Length: 2")...)
	for range 10 {
		block(t, w.reader, ": hb\n")
	}
}

func TestHeadersThatDoNotCome(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Change: func(server *api.Server) { server.HeaderTimeout = 100 * time.Millisecond }})
	for name, text := range map[string]string{
		"nothing":        "",
		"a line of them": "GET /healthz HTTP/1.1\r\nHost: x\r\n",
		"half a line":    "GET /heal",
	} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t, s)
			if _, err := w.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
			if told, err := io.ReadAll(w.reader); isTimeout(err) || strings.Contains(string(told), "200 OK") {
				t.Errorf("the connection goes on with %q, %v", told, err)
			}
		})
	}
}

func TestBodyThatIsNotWhatItsHeadSays(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := s.User()
	const post = "POST /api/v1/conversations"
	for name, test := range map[string]struct {
		more   []string
		body   string
		status []int
	}{
		"longer":                    {[]string{"Content-Length: 13"}, `{"title":"x"}GARBAGE` + "\r\n\r\n", []int{201, 400}},
		"a size that is none":       {[]string{"Content-Length: ten"}, `{}`, []int{400}},
		"a size below zero":         {[]string{"Content-Length: -1"}, `{}`, []int{400}},
		"two sizes":                 {[]string{"Content-Length: 2", "Content-Length: 3"}, `{}`, []int{400}},
		"chunks that are none":      {[]string{"Transfer-Encoding: chunked"}, "zz\r\n{}\r\n0\r\n\r\n", []int{400}},
		"a chunk without its end":   {[]string{"Transfer-Encoding: chunked"}, "2\r\n{}xx0\r\n\r\n", []int{400}},
		"a chunk of too many":       {[]string{"Transfer-Encoding: chunked"}, "ffffffffffffffffff\r\n{}", []int{400}},
		"an unknown coding":         {[]string{"Transfer-Encoding: gzip"}, `{}`, []int{501}},
		"an expectation of its own": {[]string{"Content-Length: 2", "Expect: a-miracle"}, `{}`, []int{417}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWire(t, s)
			w.say(test.body, head(post, user.Token, test.more...)...)
			for _, want := range test.status {
				if reply, body := w.hear(); reply.StatusCode != want {
					t.Errorf("status %d, want %d: %s", reply.StatusCode, want, body)
				}
			}
			w.ended()
		})
	}
}

// What is announced as too large is refused before any of it comes.
func TestBodyIsRefusedBeforeItComes(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := s.User()
	for path, limit := range map[string]int{"/api/v1/conversations": 1 << 20, completions: 1 << 20, "/api/v1/ai/chat": 4 << 20} {
		w := newWire(t, s)
		w.say("", head("POST "+path, user.Token, fmt.Sprint("Content-Length: ", limit+1), "Expect: 100-continue")...)
		if reply, body := w.hear(); reply.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(body, problem.TooLarge.Code()) {
			t.Errorf("%s: status %d: %s", path, reply.StatusCode, body)
		}
		w.ended()

		w = newWire(t, s)
		w.say("", head("POST "+path, user.Token, fmt.Sprint("Content-Length: ", limit), "Expect: 100-continue")...)
		if reply, body := w.hear(); reply.StatusCode != http.StatusContinue {
			t.Errorf("%s: status %d: %s", path, reply.StatusCode, body)
		}
	}
}
