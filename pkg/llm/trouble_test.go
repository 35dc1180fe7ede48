package llm

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"dreamchat"
)

// The OpenAPI document shows the table as it is.
func TestTheDocumentShowsEveryTrouble(t *testing.T) {
	t.Parallel()
	const head = "| the provider tells or does | code | status | message |"
	want := []string{head, "|---|---|---|---|"}
	for _, v := range verdicts {
		want = append(want, fmt.Sprintf("| %s | `%s` | %d | %s |", v.when, v.kind.Code(), v.kind.Status(), v.sentence))
	}
	var got []string
	for line := range strings.Lines(string(dreamchat.OpenAPI)) {
		line = strings.TrimSpace(line)
		if line == head || len(got) > 0 && strings.HasPrefix(line, "|") {
			got = append(got, line)
		} else if len(got) > 0 {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("the document shows\n%s\nand the code has\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestEveryTroubleIsWhole(t *testing.T) {
	t.Parallel()
	seen := make(map[int]bool)
	for i, v := range verdicts {
		if v.when == "" || v.sentence == "" || v.kind.Status() < http.StatusBadGateway {
			t.Errorf("trouble %d is %+v", i, v)
		}
		for _, status := range v.statuses {
			if seen[status] || !strings.Contains(v.when, strconv.Itoa(status)) {
				t.Errorf("status %d: %+v", status, v)
			}
			seen[status] = true
		}
	}
}
