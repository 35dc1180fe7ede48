package chat

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"dreamchat/pkg/problem"
	"dreamchat/pkg/stream"
)

// maxAnswer bounds what one answer may hold of text and reasoning, in bytes.
// An answer that reaches it ends as if its token limit were reached.
const maxAnswer = 4 << 20

// generation makes one answer. It is the only one that publishes to its log.
type generation struct {
	userID  string
	log     *stream.Log[Event]
	cancel  context.CancelCauseFunc
	started time.Time
	source  source
	place   *place
	// stream is where events go, from when the answer is stored.
	stream Publication

	mu         sync.Mutex // guards what follows; the checkpoint reads it
	stored     bool
	made       int       // the events so far, of which readers may not have seen all
	saved      int       // the events that the last checkpoint held
	savedAt    time.Time // when that was
	answer     Message
	texts      [2]strings.Builder
	units      [2]uint32
	marks      []byte
	firstToken time.Time
	calls      toolCalls
	// tap is nil unless the caller is shown what the provider sends. It is set
	// before the generation begins.
	tap *Tap
}

// source is who is asked for the answer, and how.
type source struct {
	candidate

	// fallbacks are asked, in order, if the model fails before its first token.
	fallbacks   []candidate
	first       string // the question, if nothing stands before it
	temperature *float64
	maxTokens   *int
	raw         *Raw // asked in place of the conversation's messages; nil for none
}

func newGeneration(userID string, answer Message, cancel context.CancelCauseFunc) *generation {
	g := &generation{
		userID:  userID,
		log:     new(stream.Log[Event]),
		cancel:  cancel,
		started: time.Now(),
		made:    1,
		answer:  answer,
	}
	_ = g.log.Append(answer.ack()) // nobody else ends a log
	return g
}

// begin notes that question and answer are stored, and where, and what takes the
// events.
func (g *generation) begin(begun *Begun, stream Publication) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stream = stream
	g.answer.Seq = begun.Answer.Seq
	g.stored = true
	g.savedAt = time.Now()
	if begun.Question.Seq == 1 {
		g.source.first = begun.Question.Content
	}
}

// take adds a delta to the answer and to the log, and tells whether the answer
// has grown to its bound.
func (g *generation) take(delta Delta) (full bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if delta.GenerationID != "" {
		g.answer.GenerationID = delta.GenerationID
	}
	if delta.FinishReason != "" {
		g.answer.FinishReason = finishReason(delta.FinishReason)
	}
	if delta.Usage != nil {
		g.use(*delta.Usage)
	}
	if delta.ReasoningDetails != "" {
		g.answer.ReasoningDetails = new(delta.ReasoningDetails)
	}
	if delta.CallsTool {
		g.begun()
	}
	g.grow(KindReasoning, delta.Reasoning)
	g.grow(KindText, delta.Text)
	g.calls.add(delta.ToolCalls)
	g.show(&delta)
	if g.texts[KindText].Len()+g.texts[KindReasoning].Len() < maxAnswer {
		return false
	}
	g.answer.FinishReason = FinishLength
	return true
}

// show passes on what the provider sent, behind the events that it made.
func (g *generation) show(delta *Delta) {
	if delta.Raw == nil {
		return
	}
	g.begun()
	g.tap.put(delta.Raw, g.made, delta.FinishReason != "")
}

func (g *generation) grow(kind Kind, text string) {
	for text != "" {
		var head string
		head, text = cut(text, maxChunk)
		g.begun()
		n := units(head)
		g.stream.Append(Event{Type: EventChunk, Kind: kind, Offset: g.units[kind], Text: head})
		g.made++
		_, _ = g.texts[kind].WriteString(head) // it never fails
		g.units[kind] += uint32(n)             //nolint:gosec // bounded by maxAnswer
		g.marks = appendMark(g.marks, kind, n)
	}
}

// begun notes when the model begins to answer. The caller holds mu.
func (g *generation) begun() {
	if g.firstToken.IsZero() {
		g.firstToken = time.Now()
	}
}

// asks notes about how long the prompt is, until the provider tells. It is saved
// with the answer, so that a crash does not lose what was spent.
func (g *generation) asks(request *Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.answer.PromptTokens, g.answer.Estimated = EstimateTokens(request.size()), true
}

func (g *generation) use(usage Usage) {
	g.answer.PromptTokens = usage.PromptTokens
	g.answer.CompletionTokens = usage.CompletionTokens
	g.answer.ReasoningTokens = usage.ReasoningTokens
	g.answer.TokensUsed = usage.TotalTokens
	g.answer.Cost = usage.Cost
	g.answer.Estimated = false
}

// due is what the next checkpoint is to hold of the answer. An answer that has
// not grown is saved now and then only, as a sign that it is alive.
func (g *generation) due() (Message, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	grown := g.made > max(g.saved, 1)
	if !g.stored || !grown && time.Since(g.savedAt) < signOfLife {
		return Message{}, false
	}
	answer := g.snapshot()
	g.saved, g.savedAt = answer.LastEventSeq, time.Now()
	return answer, true
}

// current is snapshot for who does not hold mu.
func (g *generation) current() Message {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.snapshot()
}

// snapshot is the answer as far as it is made. The caller holds mu.
func (g *generation) snapshot() Message {
	answer := g.answer
	answer.Content = g.texts[KindText].String()
	answer.Reasoning = g.texts[KindReasoning].String()
	answer.Marks = slices.Clip(g.marks)
	answer.LastEventSeq = g.made
	return answer
}

// close is the answer as it is to be stored for good, and what it cost. A nil err
// is an answer that came to its end.
func (g *generation) close(err error, ledger *Ledger) (Message, Charge) {
	g.mu.Lock()
	defer g.mu.Unlock()
	answer := g.snapshot()
	answer.LastEventSeq++ // the terminal event, appended once this is stored
	answer.UpdatedAt = now()
	answer.Metadata = g.calls.keep(answer.Metadata)
	switch found := problem.From(err); {
	case err == nil:
		answer.Status = StatusComplete
	case isStopped(found):
		answer.Status = StatusStopped
		answer.FinishReason = FinishStopped
	default:
		fail(&answer, found)
	}
	charge := ledger.chargeAnswer(&answer, g.source.model)
	return answer, charge
}

// isStopped tells whether somebody wanted an answer to end.
func isStopped(err error) bool {
	return err == errStopped || err == errSuspended || err == errErased //nolint:errorlint // sentinels by identity
}

// fail ends an answer with what went wrong.
func fail(answer *Message, err *problem.Error) {
	answer.Status = StatusFailed
	if err.Kind == problem.Interrupted {
		answer.Status = StatusInterrupted
	}
	answer.FinishReason = ""
	answer.Error = &Failure{
		Code:       err.Kind.Code(),
		Message:    err.Detail,
		Details:    err.Details,
		Retryable:  err.Kind.Retryable(),
		RetryAfter: err.RetryAfterSeconds(),
	}
}

// finishReason keeps to the words that the stream promises.
func finishReason(provider string) string {
	switch provider {
	case FinishLength, FinishContentFilter:
		return provider
	default:
		return FinishStop
	}
}

// outcome tells how the generation went.
func (g *generation) outcome(answer *Message) Outcome {
	g.mu.Lock()
	defer g.mu.Unlock()
	outcome := Outcome{
		Provider:         g.source.model.Provider,
		Status:           answer.Status,
		Duration:         time.Since(g.started),
		PromptTokens:     answer.PromptTokens,
		CompletionTokens: answer.CompletionTokens,
	}
	if !g.firstToken.IsZero() {
		outcome.FirstToken = g.firstToken.Sub(g.started)
	}
	return outcome
}

// Outcome is how one generation went, for the metrics.
type Outcome struct {
	Provider string
	Status   Status
	// FirstToken is the time to the first token, 0 if none came.
	FirstToken       time.Duration
	Duration         time.Duration
	PromptTokens     int
	CompletionTokens int
}
