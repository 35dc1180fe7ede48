package api_test

import (
	"net/http"
	"strings"
	"testing"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/id"
	"dreamchat/pkg/problem"
)

func TestRequestIDIsTheClientsOwnIfItIsWellFormed(t *testing.T) {
	t.Parallel()
	user := apitest.Start(t, apitest.Options{}).User()
	for _, test := range []struct {
		name, sent string
		kept       bool
	}{
		{"word", "web-7f3a91c2", true},
		{"every character that may be", "AZaz09._-", true},
		{"as long as may be", strings.Repeat("x", 128), true},
		{"none", "", false},
		{"too long", strings.Repeat("x", 129), false},
		{"space", "a b", false},
		{"quotes", `a"b`, false},
		{"no ASCII", "ä", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			for path, status := range map[string]int{"/api/v1/models": http.StatusOK, "/api/v1/nothing": http.StatusNotFound} {
				reply := user.In(t).Get(path, "X-Request-Id: "+test.sent).Status(status)
				got := reply.Header.Get("X-Request-Id")
				if test.kept && got != test.sent || !test.kept && !id.Valid(got) {
					t.Errorf("%s: sent %q, got %q", path, test.sent, got)
				}
				if status == http.StatusNotFound {
					reply.Problem(problem.NotFound) // whose instance is the id
				}
			}
		})
	}
}
