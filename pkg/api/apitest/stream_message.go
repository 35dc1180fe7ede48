package apitest

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

const maxFrame = 16 << 10

// messageRules are those of MessageStream: numbered events, one of which ends
// the stream.
type messageRules struct {
	complain func(format string, values ...any)
	// branches describe the events, one by name each.
	branches openapi3.SchemaRefs
	seen     map[string][]any
	last     position
	text     textRules
	terminal string
}

// position is an event's id.
type position struct{ attempt, seq int }

func (r *messageRules) event(f frame) {
	name := f.fields["event"]
	if r.terminal != "" {
		r.complain("%s follows on %s", name, r.terminal)
	}
	if f.size > maxFrame {
		r.complain("the frame of %s takes %d bytes", name, f.size)
	}
	if _, told := f.fields["retry"]; told && f.number > 1 {
		r.complain("retry stands in event %d", f.number)
	}
	switch name {
	case "stream_complete", "stream_error", "stream_reconnect":
		r.terminal = name
	case "stream_reset":
		r.last, r.text = position{}, textRules{}
	}
	var data map[string]any
	if err := json.Unmarshal([]byte(f.fields["data"]), &data); err != nil {
		r.complain("the data of %s is not a JSON object: %v", name, err)
		return
	}
	r.keep(name, f, data)
	if id, told := f.fields["id"]; told {
		r.number(name, id, data)
	}
	if wrong := r.text.apply(name, data); wrong != "" {
		r.complain("%s", wrong)
	}
}

// keep stores an event for the comparison with its schema. That is done for
// all at once, since a schema is compiled each time.
func (r *messageRules) keep(name string, f frame, data map[string]any) {
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

func (r *messageRules) number(name, id string, data map[string]any) {
	var at position
	if _, err := fmt.Sscanf(id, "%d.%d", &at.attempt, &at.seq); err != nil {
		return // its schema complains
	}
	if at.attempt < r.last.attempt || at.attempt == r.last.attempt && at.seq <= r.last.seq {
		r.complain("the id %s follows on %d.%d", id, r.last.attempt, r.last.seq)
	}
	r.last = at
	if (at.seq == 1) != (name == "message_ack") {
		r.complain("%s has the id %s", name, id)
	}
	if seq, told := data["seq"].(float64); told && int(seq) != at.seq {
		r.complain("%s with the id %s has the seq %v", name, id, seq)
	}
}

func (r *messageRules) end(byServer bool) {
	if byServer && r.terminal == "" {
		r.complain("it ends without a terminal event")
	}
	for name, events := range r.seen {
		branch := r.branch(name)
		if branch == nil {
			r.complain("the event %q is not described", name)
			continue
		}
		list := openapi3.NewArraySchema().WithItems(branch)
		if err := list.VisitJSON(events, append(formats(), openapi3.EnableJSONSchema2020())...); err != nil {
			r.complain("%s: %v", name, err)
		}
	}
}

func (r *messageRules) branch(name string) *openapi3.Schema {
	for _, branch := range r.branches {
		if branch.Value.Properties["event"].Value.Const == name {
			return branch.Value
		}
	}
	return nil
}
