package api

import (
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/problem"
)

const (
	maxTurns       = 1000
	maxCompletions = 200_000
	maxChoices     = 8
	maxModelID     = 200
)

// completionRequest is a request on OpenAI's wire.
type completionRequest struct {
	model     string
	fallbacks []string // nil if none are named
	messages  []completionTurn
	raw       chat.Raw
	// store asks to keep question and answer in a conversation.
	store          bool
	conversationID string
}

type completionTurn struct {
	Role    string          `json:"role"`
	Content json.RawMessage `json:"content"`
}

// completionRequest reads the body. What we do not know is left for the provider
// to judge.
func (s *Server) completionRequest(c echo.Context) (completionRequest, error) {
	body, err := s.body(c, s.BodyLimit)
	if err != nil {
		return completionRequest{}, err
	}
	if !utf8.Valid(body) {
		return completionRequest{}, problem.Malformed.New("The body must be valid UTF-8.")
	}
	members, err := object(body)
	if err != nil {
		return completionRequest{}, err
	}
	r := completionReader{members: members}
	asked := r.read()
	return asked, invalid(r.wrong)
}

// completionReader takes what is ours from the members of a request, and checks
// what must be right whoever answers.
type completionReader struct {
	members map[string]json.RawMessage
	wrong   []problem.Field
}

func (r *completionReader) read() completionRequest {
	var asked completionRequest
	r.dropLookAlikes()
	r.models(&asked)
	r.turns(&asked)
	r.stream(&asked)
	r.bounds(&asked)
	r.keep(&asked)
	for _, name := range []string{"model", "models", "stream", "store"} {
		delete(r.members, name)
	}
	asked.raw.Members = r.members
	return asked
}

func (r *completionReader) complain(name, detail string) {
	r.wrong = append(r.wrong, problem.Field{Pointer: "/" + strings.ReplaceAll(name, ".", "/"), Detail: detail})
}

// field reads a member, if it is there and is not null.
func (r *completionReader) field(name string, into any, detail string) bool {
	raw, given := r.members[name]
	if !given || string(raw) == "null" {
		return false
	}
	if err := json.Unmarshal(raw, into); err != nil {
		r.complain(name, detail)
		return false
	}
	return true
}

// dropLookAlikes drops names that differ in their case only from those that are
// checked here: some providers would take one for the other.
func (r *completionReader) dropLookAlikes() {
	checked := []string{
		"model", "models", "messages", "stream", "stream_options", "store", "n", "session_id",
		"max_tokens", "max_completion_tokens",
	}
	for name := range r.members {
		same := func(known string) bool { return strings.EqualFold(known, name) }
		if slices.ContainsFunc(checked, same) && !slices.Contains(checked, name) {
			delete(r.members, name)
		}
	}
}

// models reads the model, and with OpenRouter's "models" those in its place.
func (r *completionReader) models(asked *completionRequest) {
	const list = "must be a list of at most 5 ids of models"
	r.field("model", &asked.model, "must be a string")
	if r.field("models", &asked.fallbacks, list) {
		if asked.model == "" && len(asked.fallbacks) > 0 {
			asked.model, asked.fallbacks = asked.fallbacks[0], asked.fallbacks[1:]
		}
		if len(asked.fallbacks) > chat.MaxFallbacks || slices.ContainsFunc(asked.fallbacks, func(id string) bool { return id == "" || len(id) > maxModelID }) {
			r.complain("models", list)
		}
	}
	switch {
	case len(r.wrong) > 0:
	case asked.model == "":
		r.complain("model", "is required")
	case len(asked.model) > maxModelID:
		r.complain("model", "must have at most 200 characters")
	}
}

func (r *completionReader) turns(asked *completionRequest) {
	const list = "must be a list of 1 to 1000 messages, each an object with a role"
	r.field("messages", &asked.messages, list)
	roleless := func(turn completionTurn) bool { return turn.Role == "" }
	if n := len(asked.messages); len(r.wrong) == 0 && (n == 0 || n > maxTurns || slices.ContainsFunc(asked.messages, roleless)) {
		r.complain("messages", list)
	}
}

func (r *completionReader) stream(asked *completionRequest) {
	r.field("stream", &asked.raw.Stream, "must be true or false")
	var options struct {
		IncludeUsage bool `json:"include_usage"`
	}
	r.field("stream_options", &options, "must be an object")
	asked.raw.Usage = options.IncludeUsage
}

// bounds checks numbers that cost.
func (r *completionReader) bounds(asked *completionRequest) {
	asked.raw.Choices = 1
	if r.field("n", &asked.raw.Choices, "must be a whole number") && (asked.raw.Choices < 1 || asked.raw.Choices > maxChoices) {
		r.complain("n", "must be from 1 to 8")
	}
	for _, name := range []string{"max_tokens", "max_completion_tokens"} {
		var most int
		if r.field(name, &most, "must be a whole number") && (most < 1 || most > maxCompletions) {
			r.complain(name, "must be from 1 to 200000")
		}
		asked.raw.MaxTokens = max(asked.raw.MaxTokens, most)
	}
	for name, most := range map[string]float64{"temperature": 2, "top_p": 1} {
		var value float64
		if r.field(name, &value, "must be a number") && (value < 0 || value > most) {
			r.complain(name, "must be from 0 to "+string('0'+rune(most)))
		}
	}
}

// keep reads where the answer is to be kept. The conversation is our affair; what
// else the caller notes goes to the provider.
func (r *completionReader) keep(asked *completionRequest) {
	r.field("store", &asked.store, "must be true or false")
	var metadata map[string]json.RawMessage
	if r.field("metadata", &metadata, "must be an object") {
		told, given := metadata["conversation_id"]
		if given && json.Unmarshal(told, &asked.conversationID) != nil {
			r.complain("metadata.conversation_id", "must be a string")
		}
		delete(metadata, "conversation_id")
		delete(r.members, "metadata")
		if rest, err := json.Marshal(metadata); len(metadata) > 0 && err == nil {
			r.members["metadata"] = rest
		}
	}
	switch {
	case !asked.store:
	case asked.conversationID == "":
		r.complain("metadata.conversation_id", "is required with store: the id of the conversation that keeps question and answer")
	case asked.raw.Choices > 1:
		r.complain("n", "must be 1 with store: a conversation keeps one answer")
	}
}
