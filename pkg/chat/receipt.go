package chat

// Receipt notes what a request takes while its answer comes in.
type Receipt struct {
	prompt, text, reasoning int // bytes
	generationID            string
	usage                   *Usage
}

// NewReceipt begins with what is sent.
func NewReceipt(request *Request) *Receipt {
	return &Receipt{prompt: request.size()}
}

// size is the length of the texts that are sent, in bytes.
func (r *Request) size() int {
	if r.Raw != nil {
		return r.Raw.size()
	}
	size := 0
	for _, turn := range r.Messages {
		size += len(turn.Content)
	}
	return size
}

// Note takes in one piece of the answer.
func (r *Receipt) Note(delta Delta) {
	r.text += len(delta.Text)
	r.reasoning += len(delta.Reasoning)
	if delta.GenerationID != "" {
		r.generationID = delta.GenerationID
	}
	if delta.Usage != nil {
		r.usage = delta.Usage
	}
}

// Spent is what the request took by now: what the provider told, else an
// estimate. It is false if the provider never began, for then it bills nothing.
func (r *Receipt) Spent() (Spent, bool) {
	if r.usage != nil {
		return Spent{GenerationID: r.generationID, Usage: *r.usage}, true
	}
	return Spent{
		GenerationID: r.generationID,
		Usage:        EstimateUsage(r.prompt, r.text, r.reasoning),
		Estimated:    true,
	}, r.generationID != "" || r.text+r.reasoning > 0
}
