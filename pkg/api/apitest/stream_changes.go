package apitest

import "strconv"

// changeRules are those of ChangeStream: numbers without a gap, save at a reset,
// and no end but that the reader is sent away.
type changeRules struct {
	eventRules
	// last is the number of the last event, if there was one.
	last int64
	met  bool
}

func (r *changeRules) event(f frame) {
	name, _, _ := r.open(f)
	if name == "stream_reconnect" {
		r.terminal = name
	}
	number, err := strconv.ParseInt(f.fields["id"], 10, 64)
	if err != nil {
		return // its schema complains, unless it has none
	}
	if r.met && name != "feed_reset" && number != r.last+1 {
		r.complain("the id %d follows on %d", number, r.last)
	}
	r.last, r.met = number, true
}
