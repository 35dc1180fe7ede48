package llm

import (
	"bytes"
	"encoding/json"

	"dreamchat/pkg/chat"
)

// What is held back of a stream whose answer has not begun.
const (
	maxHeld      = 32
	maxHeldBytes = 64 << 10
)

// raw passes the chunks of a stream on as they come. Those before the first word
// are held back: as long as nothing was passed on, the request can be made again.
// A nil raw passes nothing on.
type raw struct {
	request   *chat.Raw
	held      [][]byte
	heldBytes int
	begun     bool
	// ends tells, by index, whether a choice has ended, if more than one is wanted.
	ends  map[int]bool
	clean []byte // the chunk that is passed on, if it is not what came
}

func newRaw(request *chat.Raw) *raw {
	if request == nil {
		return nil
	}
	return &raw{request: request, ends: make(map[int]bool)}
}

// finishes tells whether the answer ends with this chunk: with the end of its
// last choice.
func (r *raw) finishes(c *chunk, data []byte) bool {
	if r == nil || r.request.Choices <= 1 {
		return len(c.choice.finish) > 0
	}
	for _, choice := range readChoices(data) {
		r.ends[choice.Index] = r.ends[choice.Index] || choice.FinishReason != ""
	}
	return len(r.ends) >= r.request.Choices && r.isWhole()
}

// isWhole tells whether every choice that has begun has ended: a provider may
// make fewer than were wanted.
func (r *raw) isWhole() bool {
	if r == nil {
		return false
	}
	for _, ended := range r.ends {
		if !ended {
			return false
		}
	}
	return len(r.ends) > 0
}

// pass sets what the delta passes on of a chunk, and has told before what was
// held back.
func (r *raw) pass(a *answer, c *chunk, delta *chat.Delta, data []byte) error {
	if r == nil {
		return nil
	}
	r.read(delta, data)
	data = r.shown(c, data)
	if data == nil {
		return nil
	}
	if !r.begun && !r.begins(delta, data) {
		r.held = append(r.held, bytes.Clone(data))
		r.heldBytes += len(data)
		return nil
	}
	r.begun = true
	for _, early := range r.held {
		if err := a.tell(chat.Delta{Raw: early}); err != nil {
			return err
		}
	}
	r.held = nil
	delta.Raw = data
	return nil
}

// begins tells whether a chunk holds more of an answer than signs of life.
func (r *raw) begins(delta *chat.Delta, data []byte) bool {
	if begins(delta) || len(r.held) >= maxHeld || r.heldBytes+len(data) > maxHeldBytes {
		return true
	}
	for _, choice := range readChoices(data) {
		if choice.FinishReason != "" {
			return true
		}
		for name, value := range choice.Delta {
			if name != "role" && !isNothing(value) {
				return true
			}
		}
	}
	return false
}

// isNothing tells whether a JSON value is empty.
func isNothing(value json.RawMessage) bool {
	switch string(value) {
	case "", "null", `""`, "[]", "{}", "false":
		return true
	}
	return false
}

// shown is what of a chunk the caller is to see, on one line: no usage that was
// not asked for; nil for nothing at all.
func (r *raw) shown(c *chunk, data []byte) []byte {
	if c.usage != nil && !r.request.Usage {
		var members map[string]json.RawMessage
		if json.Unmarshal(data, &members) != nil || isNothing(members["choices"]) {
			return nil
		}
		delete(members, "usage")
		data, _ = encode(members) // what was read from JSON
	}
	if bytes.IndexByte(data, '\n') < 0 {
		return data
	}
	line := bytes.NewBuffer(r.clean[:0])
	if json.Compact(line, data) != nil {
		return nil
	}
	r.clean = line.Bytes()
	return r.clean
}

// read takes in what the decoder passes over. Most chunks have nothing of it.
func (r *raw) read(delta *chat.Delta, data []byte) {
	if r.request.Choices > 1 || !bytes.Contains(data, []byte(`"tool_calls"`)) && !bytes.Contains(data, []byte(`"refusal"`)) {
		return
	}
	for _, choice := range readChoices(data) {
		var told spoken
		for name, into := range map[string]any{"tool_calls": &told.ToolCalls, "refusal": &told.Refusal} {
			_ = json.Unmarshal(choice.Delta[name], into) // a wrong type is nothing that we know
		}
		told.add(delta)
	}
}

// wireChoice is a choice of a chunk.
type wireChoice struct {
	Index        int                        `json:"index"`
	Delta        map[string]json.RawMessage `json:"delta"`
	FinishReason string                     `json:"finish_reason"`
}

// readChoices reads the choices of a chunk; what cannot be read is left out.
func readChoices(data []byte) []wireChoice {
	var c struct {
		Choices []wireChoice `json:"choices"`
	}
	_ = json.Unmarshal(data, &c)
	return c.Choices
}

// isEmpty tells whether a delta tells nothing.
func isEmpty(delta *chat.Delta) bool {
	return !begins(delta) && delta.GenerationID == "" && delta.Model == "" && delta.Usage == nil && delta.ReasoningDetails == "" &&
		delta.ToolCalls == nil
}
