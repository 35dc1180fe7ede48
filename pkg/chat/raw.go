package chat

import (
	"bytes"
	"encoding/json"
	"maps"
	"strings"
)

// Raw is a request on OpenAI's wire that is passed on as its caller wrote it, save
// for the model and for how the answer comes.
type Raw struct {
	// Members are those of the JSON object. Whoever holds the Raw reads them only.
	Members map[string]json.RawMessage
	// Stream asks for chunks, else for the answer in one piece.
	Stream bool
	// Usage tells that the caller is to be shown the usage at the end of a stream.
	Usage bool
	// Choices is how many answers are asked for, at least 1.
	Choices int
}

// size is about how many bytes of text a model is shown.
func (r *Raw) size() int {
	size := 0
	for _, name := range []string{"messages", "tools"} {
		decoder := json.NewDecoder(bytes.NewReader(r.Members[name]))
		for {
			token, err := decoder.Token()
			if err != nil {
				break // the end
			}
			if text, ok := token.(string); ok && !isData(text) {
				size += len(text)
			}
		}
	}
	return size
}

// isData tells images and the like from text: they are long and have no spaces.
func isData(text string) bool {
	const long = 1000
	return len(text) > long && !strings.ContainsFunc(text[:long], func(r rune) bool { return r <= ' ' || r > '~' })
}

// asked is what is asked for, however its answer is to be told.
func (r *Raw) asked() map[string]json.RawMessage {
	members := maps.Clone(r.Members)
	delete(members, "stream_options")
	return members
}
