package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/problem"
)

// nested is JSON of arrays in one another.
func nested(deep int) string { return strings.Repeat("[", deep) + strings.Repeat("]", deep) }

func listOf(entries int) string { return "[" + strings.Repeat("0,", entries-1) + "0]" }

// objectOf has so many names, each another.
func objectOf(names int) string {
	members := make([]string, names)
	for i := range members {
		members[i] = fmt.Sprintf(`"n%d":0`, i)
	}
	return "{" + strings.Join(members, ",") + "}"
}

func TestShapeThatIsRefused(t *testing.T) {
	t.Parallel()
	user := apitest.Start(t, apitest.Options{}).User()
	long := objectOf(40)
	for _, test := range []struct {
		name, more, pointer string
		limit               any
	}{
		{"65 deep", nested(64), "", 64.0},
		{"as deep as a body has room", nested(500_000), "", 64.0},
		{"deep and never closed", strings.Repeat(`{"a":`, 100_000), "", 64.0},
		{"long array", listOf(10_001), "/more", 10_000.0},
		{"long object", objectOf(10_001), "/more", 10_000.0},
		{"long array inside", `[0,{"a/b":` + listOf(10_001) + `}]`, "/more/1/a~1b", 10_000.0},
		{"one name twice", `{"a":1,"b":2,"a":3}`, "/more/a", nil},
		{"one name in two spellings", `{"a\u0062":1,"ab":2}`, "/more/ab", nil},
		{"the empty name", `{"":1,"":2}`, "/more/", nil},
		{"far inside", `[{"x":1},{"b":[{"c":{"d":1}},{"x":1,"y":[2],"x":3}]}]`, "/more/1/b/1/x", nil},
		{"first of many", long[:len(long)-1] + `,"n0":1}`, "/more/n0", nil},
		{"last of many", long[:len(long)-1] + `,"n39":1}`, "/more/n39", nil},
		{"name after texts that mislead", `{"a":"\\","b":"\"a\":{[,","a":1}`, "/more/a", nil},
		{"name of the body", `1,"more":2`, "/more", nil},
		{"too far inside to be told", strings.Repeat(`{"`+strings.Repeat("n", 50)+`":`, 12) + `{"a":1,"a":2}` + strings.Repeat("}", 12), "", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			body := `{"more":` + test.more + `}`
			for _, path := range []string{"/api/v1/conversations", "/api/v1/ai/chat"} {
				told := user.In(t).Post(path, body).Problem(problem.Malformed)
				if pointers(told) != test.pointer || told.Details["limit"] != test.limit || told.Details["offset"] == nil {
					t.Errorf("%s: told %+v, want %s", path, told, test.pointer)
				}
			}
			told := envelope(user.In(t).Post(completions, body).Status(http.StatusBadRequest))
			param := strings.ReplaceAll(strings.TrimPrefix(strings.ReplaceAll(test.pointer, "~1", "~1"), "/"), "/", ".")
			if told.Code != problem.Malformed.Code() || told.Param != nil && *told.Param != param || told.Param == nil && test.pointer != "" {
				t.Errorf("%s: told %+v, want %s", completions, told, param)
			}
		})
	}
}

func TestShapeThatIsTaken(t *testing.T) {
	t.Parallel()
	user := apitest.Start(t, apitest.Options{}).User()
	for name, more := range map[string]string{
		"64 deep":                    nested(63),
		"an array as long as may be": listOf(10_000),
		"as many names as may be":    objectOf(10_000),
		"many arrays side by side":   "[" + strings.Repeat(nested(10)+",", 1000) + "0]",
		"a name in two objects":      `[{"a":1,"b":{"a":1,"c":[{"d":1}]},"c":2,"d":3},{"a":2}]`,
		"a text that is a name too":  `{"a":"b","b":"a","c":["a","a"]}`,
		"brackets in texts":          `"` + strings.Repeat(`[{\"`, 1000) + `"`,
		"backslashes before a quote": `["\\","\\\\","\\\""]`,
	} {
		t.Run(name, func(t *testing.T) {
			user.In(t).Post(completions, `{"model":"`+apitest.Model+`","messages":[{"role":"user","content":"Hi"}],"more":`+more+`}`).Status(http.StatusOK)
		})
	}
}
