package api_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/auth"
	"dreamchat/pkg/chat"
)

// fuzzed is one service for all that a fuzzer sends. Every exchange is held to the
// document, so a problem that is not well-formed fails too.
type fuzzed struct {
	service *apitest.Service
	user    *apitest.User
	things  things
}

func newFuzzed(f *testing.F) *fuzzed {
	f.Helper()
	s := apitest.Start(f, apitest.Options{})
	user := s.User()
	conversation := user.Conversation()
	asked := user.Ask(conversation.ID, "Hello")
	return &fuzzed{service: s, user: user, things: things{owner: user, conversation: conversation, asked: asked}}
}

// fine fails the test if the server is at fault, and returns the whole answer.
func fine(t *testing.T, response *http.Response) []byte {
	t.Helper()
	defer response.Body.Close()
	if response.StatusCode >= http.StatusInternalServerError {
		t.Errorf("%s %s: status %d", response.Request.Method, response.Request.URL, response.StatusCode)
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Errorf("%s %s: the answer ends with %v", response.Request.Method, response.Request.URL, err)
	}
	return body
}

// FuzzCursor asks for pages with whatever stands where a cursor or another
// position may.
func FuzzCursor(f *testing.F) {
	on := newFuzzed(f)
	messages := "/api/v1/conversations/" + on.things.conversation.ID + "/messages"
	page := apitest.Decode[chat.MessagePage](on.user.Get(messages + "?limit=1"))
	for _, cursor := range []string{*page.NextCursor, "", "x", "AAAA", strings.ToUpper(*page.NextCursor), *page.NextCursor + "=", "\x00", "\xff", strings.Repeat("A", 201)} {
		f.Add(cursor, "asc")
		f.Add(cursor, "desc")
	}
	f.Add(on.things.asked.Message.ID, "")
	f.Add("9223372036854775808", "desc")
	f.Fuzz(func(t *testing.T, cursor, order string) {
		user := on.user.In(t)
		value := url.QueryEscape(cursor)
		for _, query := range []string{"?cursor=" + value + "&order=" + url.QueryEscape(order), "?around=" + value, "?after=" + value + "&limit=" + url.QueryEscape(order)} {
			fine(t, user.Open(t.Context(), http.MethodGet, messages+query, nil))
		}
		fine(t, user.Open(t.Context(), http.MethodGet, "/api/v1/conversations?offset="+value+"&q="+url.QueryEscape(order), nil))
		fine(t, user.Open(t.Context(), http.MethodGet, "/api/v1/usage?from="+value+"&to="+url.QueryEscape(order), nil))
	})
}

// FuzzLastEventID comes back to streams with whatever stands for the last event.
func FuzzLastEventID(f *testing.F) {
	on := newFuzzed(f)
	answer := on.things.asked.Message
	events := "/api/v1/messages/" + answer.ID + "/events"
	for _, id := range []string{"", "1.1", "1.7", "1.8", "2.1", "0.0", "-1.-1", "1", "1.1.1", "1.99999999999999999999", "1. 1", "\x00", "\xff", "1.1\n", "٣.٣", strings.Repeat("1", 500)} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		user := on.user.In(t)
		headers := []string{}
		if !strings.ContainsFunc(id, func(r rune) bool { return r < ' ' || r > '~' }) {
			headers = append(headers, "Last-Event-ID: "+id)
		}
		for _, response := range []*http.Response{
			user.Open(t.Context(), http.MethodGet, events+"?after="+url.QueryEscape(id), nil),
			user.Open(t.Context(), http.MethodGet, events, nil, headers...),
		} {
			// Either the reader has it all, or it gets the end.
			body := string(fine(t, response))
			if response.StatusCode != http.StatusNoContent && !strings.Contains(body, "event: stream_complete\n") {
				t.Errorf("%q is answered with %d: %s", id, response.StatusCode, body)
			}
		}
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		for _, response := range []*http.Response{
			user.Open(ctx, http.MethodGet, feed+"?lastEventId="+url.QueryEscape(id), nil), user.Open(ctx, http.MethodGet, feed, nil, headers...),
		} {
			defer response.Body.Close() // it has no end
			if response.StatusCode != http.StatusOK {
				t.Errorf("at the feed %q is answered with %d", id, response.StatusCode)
			}
		}
	})
}

// FuzzTicket shows whatever it is as a ticket, and as a token.
func FuzzTicket(f *testing.F) {
	on := newFuzzed(f)
	events := "/api/v1/messages/" + on.things.asked.Message.ID + "/events"
	free, bound, feeds := ticketFor(on.user, ""), ticketFor(on.user, events), ticketFor(on.user, feed)
	ctx, leave := context.WithCancel(context.Background())
	stranger := on.service.Nobody()
	first := stranger.Open(ctx, http.MethodGet, feed+"?ticket="+free, nil)
	leave()
	_ = first.Body.Close() // from now on it is a ticket for the feed
	parts := strings.Split(bound, ".")
	for _, ticket := range []string{
		free, feeds, on.user.Token, on.user.Session.RefreshToken, "x", "..", "a.b.c", "\x00", "\xff", "dck_x", strings.Repeat("A", 7000),
		parts[0] + "." + parts[1] + ".", parts[0] + ".." + parts[2], "eyJhbGciOiJub25lIn0." + parts[1] + ".", bound[:len(bound)-1], bound + "=", bound + "." + parts[2],
	} {
		f.Add(ticket)
	}
	f.Fuzz(func(t *testing.T, ticket string) {
		if ticket == "" || ticket == bound {
			return
		}
		nobody := stranger.In(t)
		response := nobody.Open(t.Context(), http.MethodGet, events+"?ticket="+url.QueryEscape(ticket), nil)
		fine(t, response)
		if status := response.StatusCode; status != http.StatusUnauthorized && status != http.StatusRequestURITooLong {
			t.Errorf("the ticket %q is answered with %d", ticket, status)
		}
		if ticket == on.user.Token || strings.ContainsFunc(ticket, func(r rune) bool { return r < ' ' || r > '~' }) {
			return
		}
		response = nobody.Open(t.Context(), http.MethodGet, "/api/v1/models", nil, "Authorization: Bearer "+ticket)
		fine(t, response)
		if response.StatusCode != http.StatusUnauthorized {
			t.Errorf("the token %q is answered with %d", ticket, response.StatusCode)
		}
	})
}

// FuzzBody sends whatever it is to each route that takes a body.
func FuzzBody(f *testing.F) {
	on := newFuzzed(f)
	if err := on.service.Server.Accounts.SetRole(context.Background(), on.user.Session.User.ID, auth.RoleAdmin); err != nil {
		f.Fatal(err) // or some routes take no body from it
	}
	var taking []*echo.Route
	for _, route := range routes() {
		if route.Method == http.MethodPost || route.Method == http.MethodPatch {
			taking = append(taking, route)
		}
	}
	for i, route := range taking {
		text, err := json.Marshal(on.things.body(route))
		if err != nil {
			f.Fatal(err)
		}
		good := string(text)
		for _, body := range []string{
			good, "", "{}", "null", "[]", "{", good + good, strings.ReplaceAll(good, `"`, `"\u0000`), strings.ReplaceAll(good, ":", ":["), strings.ReplaceAll(good, `:"`, `:1e999,"a":"`),
		} {
			f.Add(uint8(i), []byte(body))
		}
	}
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		route := taking[int(which)%len(taking)]
		fine(t, on.user.In(t).Open(t.Context(), route.Method, on.things.path(route.Path), string(body)))
	})
}
