package llm

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/sse"
)

// maxDemoBody bounds what the demo model reads.
const maxDemoBody = 16 << 20

// Demo is the built-in demo model: a handler that speaks OpenRouter's wire and
// puts its answers together from what it was asked, the same for the same
// history. It needs neither network nor key.
type Demo struct {
	// Pace is the time between two pieces of one or two words; 0 for as fast
	// as they are read.
	Pace time.Duration
}

// Client returns the provider that reaches the demo model within the process.
func (d Demo) Client() *Client {
	return &Client{
		BaseURL: "http://demo.invalid/v1",
		HTTP:    &http.Client{Transport: Local{Handler: d}},
		Silence: d.Pace + time.Minute,
	}
}

// ServeHTTP answers POST …/chat/completions, as a stream if that is wanted.
func (d Demo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var request demoRequest
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxDemoBody)).Decode(&request); err != nil {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprint(w, `{"error":{"code":400,"message":"The body is not a chat completion request."}}`)
		return
	}
	stream := demoStream{
		to:    w,
		id:    fmt.Sprintf("gen-demo-%016x", rand.Uint64()), //nolint:gosec // a name, no secret
		model: request.Model,
		made:  time.Now().Unix(),
		whole: !request.Stream,
	}
	w.Header().Set("X-Generation-Id", stream.id)
	w.Header().Set("Content-Type", "application/json")
	if request.Stream {
		w.Header().Set("Content-Type", sse.ContentType)
		stream.send([]byte(": OPENROUTER PROCESSING\n\n"))
	}
	d.answer(r.Context(), &stream, &request)
}

func (d Demo) answer(ctx context.Context, stream *demoStream, request *demoRequest) {
	history := request.history()
	made := compose(history)
	thought, text := made.reasoning, made.text
	finish := chat.FinishStop
	if most := request.limit(); most != nil && *most < len(thought)+len(text) {
		finish = chat.FinishLength
		thought = thought[:min(max(*most, 0), len(thought))]
		text = text[:max(*most-len(thought), 0)]
	}
	for _, piece := range pieces(thought, made.chance) {
		if !d.wait(ctx) || !stream.delta(demoDelta{Reasoning: piece}) {
			return
		}
	}
	for _, piece := range pieces(text, made.chance) {
		if !d.wait(ctx) || !stream.delta(demoDelta{Content: piece}) {
			return
		}
	}
	stream.end(finish, demoUsage(history, len(thought), len(text)))
}

func (d Demo) wait(ctx context.Context) bool {
	if d.Pace <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d.Pace)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func demoUsage(asked []wireMessage, thought, text int) map[string]any {
	prompt := 0
	for _, message := range asked {
		prompt += countTokens(message.Content)
	}
	return map[string]any{
		"prompt_tokens":             prompt,
		"completion_tokens":         thought + text,
		"total_tokens":              prompt + thought + text,
		"cost":                      0,
		"completion_tokens_details": map[string]any{"reasoning_tokens": thought},
	}
}
