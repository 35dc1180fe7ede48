package apitest

import "fmt"

// messageRules are those of MessageStream: numbered events, one of which ends
// the stream.
type messageRules struct {
	eventRules
	last position
	text textRules
}

// position is an event's id.
type position struct{ attempt, seq int }

func (r *messageRules) event(f frame) {
	name, data, ok := r.open(f)
	switch name {
	case "stream_complete", "stream_error", "stream_reconnect":
		r.terminal = name
	case "stream_reset":
		r.last, r.text = position{}, textRules{}
	}
	if !ok {
		return
	}
	if id, told := f.fields["id"]; told {
		r.number(name, id, data)
	}
	if wrong := r.text.apply(name, data); wrong != "" {
		r.complain("%s", wrong)
	}
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
