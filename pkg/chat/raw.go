package chat

import (
	"encoding/json"
	"maps"
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
	// MaxTokens is the limit that the members hold for each of these; 0 for none.
	MaxTokens int
}

// asked is what is asked for, however its answer is to be told.
func (r *Raw) asked() map[string]json.RawMessage {
	members := maps.Clone(r.Members)
	delete(members, "stream_options")
	return members
}
