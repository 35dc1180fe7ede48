package llm_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/problem"
)

const (
	asJSON = "application/json"
	asHTML = "text/html; charset=utf-8"
)

func TestRefusals(t *testing.T) {
	t.Parallel()
	envelope := func(message string) string { return `{"error":{"code":null,"message":"` + message + `"}}` }
	newer := `{"error":{"message":"Busy","error_type":"rate_limit","http_status":429,"availability":{"retryable":true,"retry_after":2.5}}}`
	for _, tt := range []struct {
		name, contentType, body string
		status                  int
		header                  string // Retry-After
		kind                    problem.Kind
		told                    string // the provider's words
		wait                    time.Duration
	}{
		{"400", asJSON, envelope("bad model"), 400, "", problem.UpstreamRejected, "bad model", 0},
		{"401", asJSON, envelope("No auth"), 401, "", problem.UpstreamAuth, "", 0},
		{"402", asJSON, envelope("Add credits"), 402, "", problem.UpstreamRejected, "Add credits", 0},
		{"403", asJSON, envelope("Key limit exceeded"), 403, "", problem.UpstreamAuth, "", 0},
		{
			"403 by moderation", asJSON, `{"error":{"code":403,"message":"Flagged","metadata":{"reasons":["violence"],"flagged_input":"…"}}}`,
			403, "", problem.UpstreamRejected, "Flagged", 0,
		},
		{"404", asJSON, envelope("No endpoints found"), 404, "", problem.UpstreamRejected, "No endpoints found", 0},
		{"408", asJSON, envelope("Timed out"), 408, "", problem.UpstreamTimeout, "Timed out", 0},
		{"413", asJSON, envelope("Too long"), 413, "", problem.UpstreamRejected, "Too long", 0},
		{"422", asJSON, envelope("Odd"), 422, "", problem.UpstreamRejected, "Odd", 0},
		{"429 with a header", asJSON, envelope("Slow down"), 429, "7", problem.UpstreamBusy, "Slow down", 7 * time.Second},
		{"429 of the newer shape", asJSON, newer, 429, "", problem.UpstreamBusy, "Busy", 3 * time.Second},
		{"429 with a silly wait", asJSON, envelope("Slow"), 429, "99999999999999999999", problem.UpstreamBusy, "Slow", time.Hour},
		{"429 with no wait", asJSON, envelope("Slow"), 429, "soon", problem.UpstreamBusy, "Slow", 0},
		{"429 with a wait of nothing", asJSON, envelope("Slow"), 429, "-3", problem.UpstreamBusy, "Slow", 0},
		{"500", asJSON, envelope("Oops"), 500, "", problem.Upstream, "Oops", 0},
		{"502 as HTML", asHTML, "<html>Bad Gateway</html>", 502, "", problem.Upstream, "", 0},
		{"503", asJSON, envelope("No provider"), 503, "1", problem.UpstreamBusy, "No provider", time.Second},
		{"504 with no body", asHTML, "", 504, "", problem.UpstreamTimeout, "", 0},
		{"524", asHTML, "timeout", 524, "", problem.UpstreamTimeout, "", 0},
		{"529", asJSON, envelope("Overloaded"), 529, "", problem.UpstreamBusy, "Overloaded", 0},
		{"418", asJSON, `{"error":"teapot"}`, 418, "", problem.Upstream, "teapot", 0},
		{"200 with an error", asJSON, `{"error":{"code":429,"message":"Slow"}}`, 200, "", problem.UpstreamBusy, "Slow", 0},
		{"200 with an error of text code", asJSON, `{"error":{"code":"odd","message":"Odd","type":7}}`, 200, "", problem.Upstream, "Odd", 0},
		{"200 with a completion", asJSON, `{"choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}]}`, 200, "", problem.Upstream, "", 0},
		{"200 with HTML", asHTML, "<html>Login</html>", 200, "", problem.Upstream, "", 0},
		{"200 with broken JSON", asJSON, `{"error":`, 200, "", problem.Upstream, "", 0},
		{"204", asHTML, "", 204, "", problem.Upstream, "", 0},
		{"many words", asJSON, envelope(strings.Repeat("é", 500)), 400, "", problem.UpstreamRejected, strings.Repeat("é", 299) + "…", 0},
		{"many lines", asJSON, envelope(`a\n\tb\u0000c`), 400, "", problem.UpstreamRejected, "a b c", 0},
		{"the key in the words", asJSON, envelope("Bad key " + key), 400, "", problem.UpstreamRejected, "", 0},
		{"the end of the key", asJSON, envelope("Bad key …" + key[len(key)-8:]), 500, "", problem.Upstream, "", 0},
		{"a huge body", asJSON, envelope(strings.Repeat("x", 1<<20)), 400, "", problem.UpstreamRejected, "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			router := llmtest.New(t)
			router.Script(llmtest.Header("Retry-After", tt.header), llmtest.Reply(tt.status, tt.contentType, tt.body))
			got := listen(clientOf(t, router).Complete(t.Context(), ask("m", "Hi")))
			failed := problemOf(t, got.err)
			told, _ := failed.Details["upstream"].(string)
			if failed.Kind != tt.kind || told != tt.told || failed.RetryAfter != tt.wait {
				t.Errorf("got %v, told %q, wait %v\nwant %v, told %q, wait %v",
					failed, told, failed.RetryAfter, tt.kind, tt.told, tt.wait)
			}
			if failed.Detail == "" || !utf8.ValidString(told) {
				t.Errorf("detail %q, told %q", failed.Detail, told)
			}
			if tt.status >= 400 && !strings.Contains(failed.Cause.Error(), strconv.Itoa(tt.status)) {
				t.Errorf("the cause does not keep the status: %v", failed.Cause)
			}
			if all := failed.Error() + told; strings.Contains(all, key[:16]) || strings.Contains(all, key[len(key)-8:]) {
				t.Errorf("the key is told: %s", all)
			}
		})
	}
}

func TestRetryAfterAsADate(t *testing.T) {
	t.Parallel()
	router := llmtest.New(t)
	at := time.Now().Add(30 * time.Second).UTC().Format(http.TimeFormat)
	router.Script(llmtest.ErrorStatus(503, "Busy", at))
	got := listen(clientOf(t, router).Complete(t.Context(), ask("m", "Hi")))
	if wait := problemOf(t, got.err).RetryAfter; wait < 25*time.Second || wait > 31*time.Second {
		t.Errorf("wait %v", wait)
	}
}
