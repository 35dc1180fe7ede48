package apitest

import (
	"encoding/json"

	"github.com/getkin/kin-openapi/openapi3"
)

const done = "[DONE]"

// completionRules are those of ChatCompletionStream: data only, then [DONE].
type completionRules struct {
	complain func(format string, values ...any)
	schema   *openapi3.Schema
	seen     []any
	failed   bool
	done     bool
}

func (r *completionRules) event(f frame) {
	text, told := f.fields["data"]
	if !told || len(f.fields) != 1 {
		r.complain("event %d has other fields than data", f.number)
	}
	if r.done || r.failed {
		r.complain("event %d follows on the last one", f.number)
	}
	if text == done {
		r.done = true
		return
	}
	var data map[string]any
	if err := json.Unmarshal([]byte(text), &data); err != nil {
		r.complain("the data of event %d is not a JSON object: %v", f.number, err)
		return
	}
	if _, failed := data["error"]; failed {
		r.failed = true
	}
	r.seen = append(r.seen, map[string]any{"data": data})
}

func (r *completionRules) end(byServer bool) {
	if byServer && !r.done && !r.failed {
		r.complain("it ends without %s", done)
	}
	if len(r.seen) == 0 {
		return
	}
	list := openapi3.NewArraySchema().WithItems(r.schema)
	if err := list.VisitJSON(r.seen, append(formats(), openapi3.EnableJSONSchema2020())...); err != nil {
		r.complain("%v", err)
	}
}
