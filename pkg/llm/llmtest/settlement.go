package llmtest

import (
	"fmt"
	"net/http"
)

// Settle sets how GET /generation is answered. Until then, and by no steps, no
// generation is known.
func (r *Router) Settle(tell func(generationID string) []Step) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.settle = tell
}

// Settlement tells what a generation took in the end: the tokens, and the cost, a
// JSON number.
func Settlement(prompt, completion, reasoning int, cost string) Step {
	return Reply(http.StatusOK, "application/json", fmt.Sprintf(`{"data":{"id":"gen-test","model":"test/model",`+
		`"total_cost":%s,"usage":%[1]s,"cancelled":true,"streamed":true,"is_byok":false,"provider_name":"Test",`+
		`"tokens_prompt":%d,"tokens_completion":%d,"native_tokens_prompt":%d,"native_tokens_completion":%d,`+
		`"native_tokens_reasoning":%d,"finish_reason":null,"native_finish_reason":null}}`,
		cost, prompt+1, completion+1, prompt, completion, reasoning))
}

func (r *Router) serveSettlement(w http.ResponseWriter, request *http.Request) {
	r.mu.Lock()
	tell := r.settle
	r.mu.Unlock()
	var steps []Step
	if tell != nil {
		steps = tell(request.URL.Query().Get("id"))
	}
	if len(steps) == 0 {
		steps = []Step{ErrorStatus(http.StatusNotFound, "Generation not found", "")}
	}
	play(w, request, steps)
}
