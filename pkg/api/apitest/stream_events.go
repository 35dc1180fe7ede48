package apitest

import (
	"encoding/json"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

const maxFrame = 16 << 10

// eventRules are those of every stream of named events.
type eventRules struct {
	complain func(format string, values ...any)
	// branches describe the events, one by name each.
	branches openapi3.SchemaRefs
	seen     map[string][]any
	// terminal is the event that has ended the stream.
	terminal string
}

// open reads an event. It is not ok if its data is not what data may be.
func (r *eventRules) open(f frame) (name string, data map[string]any, ok bool) {
	name = f.fields["event"]
	if r.terminal != "" {
		r.complain("%s follows on %s", name, r.terminal)
	}
	if f.size > maxFrame {
		r.complain("the frame of %s takes %d bytes", name, f.size)
	}
	if _, told := f.fields["retry"]; told && f.number > 1 {
		r.complain("retry stands in event %d", f.number)
	}
	if err := json.Unmarshal([]byte(f.fields["data"]), &data); err != nil {
		r.complain("the data of %s is not a JSON object: %v", name, err)
		return name, nil, false
	}
	r.keep(name, f, data)
	return name, data, true
}

// keep stores an event for the comparison with its schema. That is done for
// all at once, since a schema is compiled each time.
func (r *eventRules) keep(name string, f frame, data map[string]any) {
	event := map[string]any{"event": name, "data": data}
	if id, told := f.fields["id"]; told {
		event["id"] = id
	}
	for field := range f.fields {
		if !strings.Contains(" id event data retry ", " "+field+" ") {
			r.complain("%s has the field %q", name, field)
		}
	}
	if r.seen == nil {
		r.seen = make(map[string][]any)
	}
	r.seen[name] = append(r.seen[name], event)
}

func (r *eventRules) end(byServer bool) {
	if byServer && r.terminal == "" {
		r.complain("it ends without a terminal event")
	}
	for name, events := range r.seen {
		described := branch(r.branches, name)
		if described == nil {
			r.complain("the event %q is not described", name)
			continue
		}
		list := openapi3.NewArraySchema().WithItems(described)
		if err := list.VisitJSON(events, append(formats(), openapi3.EnableJSONSchema2020())...); err != nil {
			r.complain("%s: %v", name, err)
		}
	}
}

// branch is the description of the event of that name; nil if there is none.
func branch(branches openapi3.SchemaRefs, name string) *openapi3.Schema {
	for _, branch := range branches {
		if branch.Value.Properties["event"].Value.Const == name {
			return branch.Value
		}
	}
	return nil
}
