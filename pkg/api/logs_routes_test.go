package api_test

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/servertest"
	"dreamchat/pkg/sse"
	"dreamchat/pkg/store"
)

// mark begins all that is secret in these tests; what follows tells the place.
const mark = "sesame"

// TestLogsKeepSecretsOnEveryRoute sends secrets to every route, in each place where
// one may stand, while all is well, while the provider refuses, and while the
// database is away.
func TestLogsKeepSecretsOnEveryRoute(t *testing.T) {
	t.Parallel()
	kept := new(journal)
	postgres := servertest.StartPostgres(t)
	opened, err := store.Open(t.Context(), postgres.URL, store.Options{ConnectTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = opened.Close() })
	if _, err := opened.MigrateUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := apitest.Start(t, apitest.Options{Store: opened, Log: kept.handler()})
	w := teller{t: t, s: s, boss: admin(t, s)}
	w.anew()

	w.each((*teller).headers, (*teller).address, (*teller).bodies, (*teller).wire)
	w.upstream = llmtest.ErrorStatus(http.StatusBadRequest, "refused: "+mark+"-upstream", "")
	w.each((*teller).bodies)
	w.upstream = nil
	postgres.Stop()
	w.away = true
	w.each((*teller).address, (*teller).bodies)
	postgres.Start()
	s.Stop()

	text := strings.ToLower(kept.String())
	for _, secret := range append(w.secrets, mark, w.boss.Token, "a long password", "secret-key") {
		if at := strings.Index(text, strings.ToLower(secret)); at >= 0 {
			t.Errorf("%q is in the log: …%s…", secret, text[max(0, at-200):min(len(text), at+200)])
		}
	}
	told := make(map[any]bool)
	for _, line := range kept.lines(t) {
		if line["msg"] == "request" {
			told[line["route"]] = true
		}
	}
	for _, route := range routes() {
		if route.Method != echo.RouteNotFound && !told[route.Path] {
			t.Errorf("the log has no line of %s", route.Path)
		}
	}
	if !strings.Contains(text, "unavailable") || !strings.Contains(text, "generation ended early") {
		t.Error("nothing has failed inside")
	}
}

// teller sends secrets.
type teller struct {
	t        *testing.T
	s        *apitest.Service
	boss     *apitest.User
	things   things
	upstream llmtest.Step // nil while the provider is well
	away     bool         // the database
	secrets  []string
}

func (w *teller) each(send ...func(*teller, *echo.Route)) {
	for _, route := range routes() {
		if route.Method == echo.RouteNotFound || w.upstream != nil && !asks(route.Path) {
			continue
		}
		for _, send := range send {
			send(w, route)
			if route.Method == http.MethodDelete && !w.away {
				w.anew()
			}
		}
	}
}

// asks tells whether a route asks the provider.
func asks(path string) bool {
	return slices.Contains([]string{
		"/api/v1/conversations/:id/messages", "/api/v1/messages/:id/regenerate", "/api/v1/chat/completions", "/api/v1/ai/chat",
	}, path)
}

// send forgets the answer, whatever it is.
func (w *teller) send(user *apitest.User, method, path string, body any, headers ...string) {
	if w.upstream != nil {
		w.s.Router.Script(w.upstream)
	}
	response := user.Open(w.t.Context(), method, path, body, append(headers,
		"User-Agent: "+mark+"-agent", "Cookie: token="+mark+"-cookie", "Referer: https://chat.example/"+mark, "X-Api-Key: "+mark+"-key",
		"X-Forwarded-For: "+mark, "X-Request-Id: not well formed: "+mark, "Last-Event-ID: "+mark+"-event", "If-None-Match: "+mark+"-tag",
		"Prefer: "+mark, "Origin: https://"+mark+".example")...)
	defer response.Body.Close()
	if method != http.MethodGet || response.Header.Get("Content-Type") != sse.ContentType {
		_, _ = io.Copy(io.Discard, response.Body) // a client that leaves is none of our affairs here
	}
}

// caller is one whom the route lets in.
func (w *teller) caller(route *echo.Route) *apitest.User {
	if accesses()[route.Method+" "+route.Path].owner == http.StatusForbidden {
		return w.boss
	}
	return w.things.owner
}

func (w *teller) headers(route *echo.Route) {
	path, body, caller := w.things.path(route.Path), w.things.body(route), w.caller(route)
	for _, header := range []string{
		"Accept: text/" + mark, "Content-Type: text/" + mark, "Content-Encoding: " + mark, "Idempotency-Key: " + mark + "\u00e4",
		"Authorization: Bearer " + mark + "-token", "Authorization: " + mark + "-scheme x", "Authorization: Bearer " + caller.Token + mark,
		"Authorization: Bearer dck_" + mark, "Authorization: Basic " + mark,
	} {
		w.send(caller, route.Method, path, body, header)
	}
	w.send(caller, route.Method, path, body, "Idempotency-Key: "+mark+"-key")
}

func (w *teller) address(route *echo.Route) {
	path, body, caller := w.things.path(route.Path), w.things.body(route), w.caller(route)
	secret := strings.NewReplacer(":id", mark+"-id", ":file", mark+"-file", "*", mark+"/model").Replace(route.Path)
	for _, path := range []string{secret, secret + "%00/" + mark} {
		w.say(route.Method+" "+path+" HTTP/1.1", "Host: x", "Authorization: Bearer "+caller.Token)
	}
	for _, query := range []string{
		"ticket=" + mark, "access_token=" + caller.Token + "&token=" + mark, mark + "=1", "q=%zz" + mark, strings.Repeat(mark+"&", 40), strings.Repeat(mark, 2000),
		strings.ReplaceAll("cursor=*&after=*&lastEventId=*&q=*&limit=*&order=*&from=*&to=*&groupBy=*&archived=*&include=*", "*", mark),
		"cursor=" + mark, "around=" + mark, "after=" + mark,
	} {
		w.send(caller, route.Method, path+"?"+query, body)
	}
	if strings.HasSuffix(path, "/events") && !w.away {
		ticket := ticketFor(caller, path)
		w.secrets = append(w.secrets, ticket)
		w.send(w.s.Nobody(), route.Method, path+"?ticket="+ticket, nil)
		w.send(w.s.Nobody(), route.Method, strings.Replace(path, "messages/", "messages/x", 1)+"?ticket="+ticket, nil)
	}
}

func (w *teller) bodies(route *echo.Route) {
	if route.Method == http.MethodGet {
		return
	}
	path, caller := w.things.path(route.Path), w.caller(route)
	good, err := json.Marshal(w.things.body(route))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, body := range []string{
		strings.NewReplacer("Hello", mark, "Other", mark, "two", mark, "a long password", mark+"-password", "of nobody", mark+"-refresh").Replace(string(good)),
		strings.Replace(string(good), "{", `{"`+mark+`":1,`, 1), strings.Replace(string(good), "{", `{"a":{"`+mark+`":1,"`+mark+`":2},`, 1),
		`{"content":["` + mark + `"],"password":["` + mark + `"],"title":{"a":"` + mark + `"}}`, `{"username":"` + mark + `","password":"` + mark + `"}`,
		mark, `"` + mark + `"`, `{"` + mark + `":`, `{"content":"` + mark, "{\"content\":\"" + mark + "\xff\"}", strings.Repeat("[", 100) + mark,
	} {
		w.send(caller, route.Method, path, body)
	}
}

// anew makes things in place of what was deleted, which may be the session.
func (w *teller) anew() {
	w.things = thingsOf(w.t, w.s)
	session := w.things.owner.Session
	w.secrets = append(w.secrets, session.AccessToken, session.RefreshToken, session.User.Email, w.things.key.Key)
}

// wire sends what net/http itself refuses, or hands on as it came.
func (w *teller) wire(route *echo.Route) {
	for _, lines := range [][]string{
		{strings.ToUpper(mark) + " " + w.things.path(route.Path) + " HTTP/1.1", "Host: x"},
		{route.Method + " " + route.Path + "/%" + mark + " HTTP/1.1", "Host: x"},
		{route.Method + " " + w.things.path(route.Path) + " HTTP/1.1", "Host: x", mark + " : x"},
		{route.Method + " " + w.things.path(route.Path) + " HTTP/1.1", "Host: x", "Content-Length: " + mark, "Transfer-Encoding: " + mark},
	} {
		w.say(lines...)
	}
}

// say sends what is not held to the document, and forgets the answer too.
func (w *teller) say(lines ...string) {
	on := newWire(w.t, w.s)
	defer on.Close()
	on.say("", lines...)
	block(w.t, on.reader, "\r\n\r\n") // of a stream there is no end
}
