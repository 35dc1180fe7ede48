package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/id"
	"dreamchat/pkg/problem"
)

// pointers are the fields that a problem complains of.
func pointers(document problem.Document) string {
	var all []string
	for _, field := range document.Errors {
		all = append(all, field.Pointer)
	}
	return strings.Join(all, " ")
}

func TestInputThatCannotBeRead(t *testing.T) {
	t.Parallel()
	user := apitest.Start(t, apitest.Options{}).User()
	messages := "/api/v1/conversations/" + user.Conversation().ID + "/messages"
	for _, test := range []struct {
		name, body string
		kind       problem.Kind
		pointers   string
	}{
		{"empty", "", problem.Malformed, ""},
		{"no JSON", "content=Hi", problem.Malformed, ""},
		{"cut off", `{"content":"Hi`, problem.Malformed, ""},
		{"trailing garbage", `{"content":"Hi"} {}`, problem.Malformed, ""},
		{"trailing comma", `{"content":"Hi",}`, problem.Malformed, ""},
		{"list", `[{"content":"Hi"}]`, problem.Malformed, ""},
		{"string", `"Hi"`, problem.Malformed, ""},
		{"null", `null`, problem.Malformed, ""},
		{"unknown field", `{"content":"Hi","foo":1}`, problem.Malformed, "/foo"},
		{"unknown field to escape", `{"content":"Hi","a/b~c":1}`, problem.Malformed, "/a~1b~0c"},
		{"unknown field beside a wrong one", `{"content":1,"foo":1}`, problem.Malformed, "/foo"},
		{"field in other case", `{"Content":"Hi"}`, problem.Malformed, "/Content"},
		{"field of another form", `{"content":"Hi","isPinned":true}`, problem.Malformed, "/isPinned"},
		{"deep", strings.Repeat(`{"content":`, 20_000), problem.Malformed, ""},
		{"null for a field", `{"content":null}`, problem.Invalid, "/content"},
		{"every type wrong", `{"content":1,"modelId":{},"temperature":"warm","maxTokens":1.5,"lastSeq":"x"}`, problem.Invalid, "/content /lastSeq /maxTokens /modelId /temperature"},
		{"every value wrong", `{"content":" ","temperature":2.1,"maxTokens":0,"lastSeq":-1}`, problem.Invalid, "/content /lastSeq /maxTokens /temperature"},
		{"types and values", `{"content":"","temperature":"warm","maxTokens":200001}`, problem.Invalid, "/content /maxTokens /temperature"},
		{"number too large", `{"content":"Hi","lastSeq":9223372036854775808}`, problem.Invalid, "/lastSeq"},
		{"name too long", `{"content":"Hi","modelId":"` + strings.Repeat("x", 201) + `"}`, problem.Invalid, "/modelId"},
		{"unknown model", `{"content":"Hi","modelId":"openai/gpt-9"}`, problem.UnknownModel, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			document := user.In(t).Post(messages, test.body).Problem(test.kind)
			if got := pointers(document); got != test.pointers {
				t.Errorf("pointers %q, want %q", got, test.pointers)
			}
			if document.Detail == "" {
				t.Error("nothing is said")
			}
		})
	}
	if page := pageOf(user, messages); len(page.Data) != 0 {
		t.Errorf("%d messages came of it", len(page.Data))
	}
}

func TestInputAsContent(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		for _, test := range []struct {
			name, content string
			status        int
		}{
			{"one character", "x", http.StatusCreated},
			{"as long as may be", strings.Repeat("x", 50_000), http.StatusCreated},
			{"as long as may be, in emoji", strings.Repeat("😀", 50_000), http.StatusCreated},
			{"spaces around", "\n x \t", http.StatusCreated},
			{"what SQL and HTML take for theirs", `'); DROP TABLE messages; -- <script>alert(1)</script> %s $1 \u0000 \`, http.StatusCreated},
			{"other controls", "a\u0001\u007f\u2028\ufeff\U0010ffffb", http.StatusCreated},
			{"too long", strings.Repeat("x", 50_001), http.StatusRequestEntityTooLarge},
			{"too long, in emoji", strings.Repeat("😀", 50_001), http.StatusRequestEntityTooLarge},
			{"empty", "", http.StatusUnprocessableEntity},
			{"blank", " \n\t\u00a0\u3000", http.StatusUnprocessableEntity},
			{"U+0000", "a\x00b", http.StatusUnprocessableEntity},
		} {
			t.Run(test.name, func(t *testing.T) {
				messages := "/api/v1/conversations/" + user.In(t).Conversation().ID + "/messages"
				reply := user.In(t).Post(messages, map[string]any{"content": test.content}, "Accept: application/json").Status(test.status)
				switch test.status {
				case http.StatusUnprocessableEntity:
					if got := pointers(reply.Problem(problem.Invalid)); got != "/content" {
						t.Errorf("pointers %q", got)
					}
					return
				case http.StatusRequestEntityTooLarge:
					told := reply.Problem(problem.TooLarge)
					if pointers(told) != "/content" || fmt.Sprint(told.Details["limit"]) != "50000" {
						t.Errorf("told: %+v", told)
					}
					return
				}
				question := apitest.Decode[apitest.Exchange](reply).UserMessage
				if stored := pageOf(user.In(t), messages).Data[1]; question.Content != test.content || stored.Content != test.content {
					t.Errorf("%d bytes came back as %d, stored as %d", len(test.content), len(question.Content), len(stored.Content))
				}
			})
		}
	})
}

func TestInputMustBeUTF8(t *testing.T) {
	t.Parallel()
	user := apitest.Start(t, apitest.Options{}).User()
	for _, test := range []struct{ name, method, path, body string }{
		{"content", "POST", "/api/v1/conversations/" + user.Conversation().ID + "/messages", "{\"content\":\"a\xffb\"}"},
		{"title", "POST", "/api/v1/conversations", "{\"title\":\"\xc3\"}"},
		{"patch", "PATCH", "/api/v1/conversations/" + user.Conversation().ID, "{\"title\":\"\xed\xa0\x80\"}"},
	} {
		t.Run(test.name, func(t *testing.T) {
			document := user.In(t).Do(test.method, test.path, test.body).Problem(problem.Invalid)
			if got := pointers(document); got != "/content" && got != "/title" {
				t.Errorf("pointers %q", got)
			}
		})
	}
	// Half a surrogate pair is no character: it becomes U+FFFD, as JSON readers do.
	made := user.Post("/api/v1/conversations", `{"title":"a\ud83db"}`).Status(http.StatusCreated)
	if got := apitest.Decode[map[string]any](made)["title"]; got != "a\ufffdb" {
		t.Errorf("the title is %q", got)
	}
}

func TestInputThatIsTooLarge(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user, limit := s.User(), 1<<20
	fill := func(size int) string {
		const head, tail = `{"content":"`, `"}`
		return head + strings.Repeat("x", size-len(head)-len(tail)) + tail
	}
	for _, path := range []string{"/api/v1/conversations/" + user.Conversation().ID + "/messages", "/api/v1/conversations", "/api/v1/auth/login"} {
		document := user.Post(path, fill(limit+1)).Problem(problem.TooLarge)
		if document.Details["limit"] != float64(limit) {
			t.Errorf("%s: the limit is told as %v", path, document.Details["limit"])
		}
	}
	// At the limit the body is read, and the content is what is too large.
	told := user.Post("/api/v1/conversations/"+user.Conversation().ID+"/messages", fill(limit)).Problem(problem.TooLarge)
	if told.Details["limit"] != 50_000.0 {
		t.Errorf("told: %+v", told)
	}
}

func TestInputOfAnotherType(t *testing.T) {
	t.Parallel()
	user := apitest.Start(t, apitest.Options{}).User()
	conversation := "/api/v1/conversations/" + user.Conversation().ID
	for _, test := range []struct{ name, method, path, contentType string }{
		{"none", "POST", conversation + "/messages", ""},
		{"form", "POST", conversation + "/messages", "application/x-www-form-urlencoded"},
		{"text", "POST", "/api/v1/conversations", "text/plain"},
		{"other JSON", "PATCH", conversation, "application/merge-patch+json"},
		{"garbage", "POST", "/api/v1/auth/login", ";;"},
	} {
		t.Run(test.name, func(t *testing.T) {
			user.In(t).Do(test.method, test.path, `{"title":"x"}`, "Content-Type: "+test.contentType).Problem(problem.UnsupportedMedia)
		})
	}
	user.Post("/api/v1/conversations", `{"title":"x"}`, "Content-Type: application/json; charset=utf-8").Status(http.StatusCreated)
}

func TestInputAsID(t *testing.T) {
	t.Parallel()
	user := apitest.Start(t, apitest.Options{}).User()
	known := user.Conversation().ID
	for name, bad := range map[string]string{
		"a word":       "new",
		"a number":     "1",
		"upper case":   strings.ToUpper(known),
		"without dash": strings.ReplaceAll(known, "-", ""),
		"cut":          known[:35],
		"too long":     known + "0",
		"U+0000":       "%00",
		"a quote":      "%27",
		"unknown":      id.New(),
	} {
		t.Run(name, func(t *testing.T) {
			user.In(t).Get("/api/v1/conversations/" + bad).Problem(problem.NotFound)
			user.In(t).Get("/api/v1/conversations/" + bad + "/messages").Problem(problem.NotFound)
			user.In(t).Get("/api/v1/messages/" + bad).Problem(problem.NotFound)
			user.In(t).Get("/api/v1/messages/" + bad + "/events").Problem(problem.NotFound)
			user.In(t).Post("/api/v1/messages/"+bad+"/stop", nil).Problem(problem.NotFound)
		})
	}
}

func TestInputAsQuery(t *testing.T) {
	t.Parallel()
	user := apitest.Start(t, apitest.Options{}).User()
	conversations, messages := "/api/v1/conversations?", "/api/v1/conversations/"+user.Conversation().ID+"/messages?"
	for _, test := range []struct{ path, pointers string }{
		{conversations + "limit=0", "limit"},
		{conversations + "limit=101", "limit"},
		{conversations + "limit=-1", "limit"},
		{conversations + "limit=ten", "limit"},
		{conversations + "limit=1.0", "limit"},
		{conversations + "limit=99999999999999999999", "limit"},
		{conversations + "offset=-1", "offset"},
		{conversations + "offset=10001", "offset"},
		{conversations + "archived=yes", "archived"},
		{conversations + "q=" + strings.Repeat("x", 201), "q"},
		{conversations + "q=%00", "q"},
		{conversations + "q=%ff", "q"},
		{conversations + "limit=&offset=&archived=", "archived limit offset"},
		{conversations + "limit=0&offset=x&archived=1&q=%ff", "archived limit offset q"},
		{messages + "limit=0", "limit"},
		{messages + "limit=201", "limit"},
		{messages + "order=up", "order"},
		{messages + "order=", "order"},
		{messages + "after=-1", "after"},
		{messages + "after=x", "after"},
		{messages + "after=", "after"},
		{messages + "after=1&cursor=x", "cursor"},
		{messages + "around=" + id.New() + "&after=1", "cursor"},
		{messages + "limit=0&order=up&after=x", "after limit order"},
	} {
		_, query, _ := strings.Cut(test.path, "?")
		t.Run(query, func(t *testing.T) {
			if got := pointers(user.In(t).Get(test.path).Problem(problem.Invalid)); got != test.pointers {
				t.Errorf("pointers %q, want %q", got, test.pointers)
			}
		})
	}
	for _, path := range []string{
		conversations + "limit=1", conversations + "limit=100&offset=10000", messages + "limit=1", messages + "limit=200&order=asc",
		messages + "after=0", messages + "after=9223372036854775807", conversations + "q=" + strings.Repeat("%C3%A4", 200),
		conversations + "q=",
	} {
		user.Get(path).Status(http.StatusOK)
	}
}
