package apitest

import (
	"encoding/json"
	"slices"
	"strings"
)

// uiRules are those of UIMessageStream, which the AI SDK relies on: start comes
// first, a delta belongs to a part that is open, nothing is open at the end, and
// of the parts that end a message there is one.
type uiRules struct {
	completionRules
	// open is the type and id of the part that is open, or empty.
	open string
	// used are all that were opened.
	used []string
	// terminal is the part that has ended the message.
	terminal string
}

func (r *uiRules) event(f frame) {
	r.completionRules.event(f)
	if f.fields["data"] == done {
		if r.terminal == "" {
			r.complain("%s comes without the end of the message", done)
		}
		return
	}
	var part struct{ Type, ID string }
	if err := json.Unmarshal([]byte(f.fields["data"]), &part); err != nil {
		return // which was complained of
	}
	if (f.number == 1) != (part.Type == "start") {
		r.complain("event %d is %s", f.number, part.Type)
	}
	if r.terminal != "" {
		r.complain("%s follows on %s", part.Type, r.terminal)
	}
	r.follow(part.Type, part.ID)
}

func (r *uiRules) follow(name, id string) {
	kind, step, _ := strings.Cut(name, "-")
	at := kind + " " + id
	switch {
	case name == "finish" || name == "abort" || name == "error":
		r.terminal = name
		fallthrough
	case name == "start-step" || name == "finish-step":
		if r.open != "" {
			r.complain("%s comes while %s is open", name, r.open)
			r.open = ""
		}
	case kind != "text" && kind != "reasoning":
	case step == "start":
		r.begin(name, at)
	case r.open != at:
		r.complain("%s of %q comes while %q is open", name, at, r.open)
	case step == "end":
		r.open = ""
	}
}

func (r *uiRules) begin(name, at string) {
	if r.open != "" || slices.Contains(r.used, at) {
		r.complain("%s of %q comes while %q is open, after %q", name, at, r.open, r.used)
	}
	r.open = at
	r.used = append(r.used, at)
}
