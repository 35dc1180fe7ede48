package chat

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"dreamchat/pkg/problem"
)

// MaxFallbacks bounds the models that may be asked in place of another.
const MaxFallbacks = 5

// Retries bounds how a model is asked again that failed before its first token.
// The zero value asks each model once.
type Retries struct {
	// Tries is how often one model is asked; less than 2 is once.
	Tries int
	// Pause is about how long the second try waits; each further one waits twice
	// as long. A provider that asks for more gets it.
	Pause time.Duration
	// Limit bounds what one answer waits between its tries, over all models.
	Limit time.Duration
}

// candidate is a model that can be asked for an answer.
type candidate struct {
	model    Model
	provider Provider
}

// asked is an answer that models are asked for.
type asked interface {
	// request is what the model is asked, follow asks it and takes in the answer.
	request(ctx context.Context) (Request, error)
	follow(ctx context.Context, request Request) error
	// wordless tells whether the model failed before the answer's first word.
	wordless(err error) bool
	// noteTry takes note of a try that failed when there is another one.
	noteTry(ctx context.Context, err error)
	// turnTo has another model make the answer.
	turnTo(next candidate)
	// rest waits before the next try, or is why there is none.
	rest(ctx context.Context, pause time.Duration) error
}

// try asks the models of an answer in turn, until one begins to answer. Once
// there is a word of the answer, nothing is asked for again.
func (r Retries) try(ctx context.Context, answer asked, fallbacks []candidate) error {
	left := r.Limit
	err := r.tryModel(ctx, answer, &left, len(fallbacks))
	for i, next := range fallbacks {
		if !answer.wordless(err) {
			break
		}
		answer.noteTry(ctx, err)
		answer.turnTo(next)
		err = r.tryModel(ctx, answer, &left, len(fallbacks)-i-1)
	}
	return err
}

// tryModel asks one model, and again as long as that may help. Of the time that is
// left to wait it takes no more than its share: there are others to be asked.
func (r Retries) tryModel(ctx context.Context, answer asked, left *time.Duration, others int) error {
	request, err := answer.request(ctx)
	if err != nil {
		return err
	}
	share := *left / time.Duration(others+1)
	for tries := 1; ; tries++ {
		err := answer.follow(ctx, request)
		pause := r.pause(tries, err)
		if tries >= r.Tries || !answer.wordless(err) || !passes(err) || pause > share {
			return err
		}
		share, *left = share-pause, *left-pause
		answer.noteTry(ctx, err)
		if err := answer.rest(ctx, pause); err != nil {
			return err
		}
	}
}

// passes tells whether a failure may be gone the next time. A model that took
// too long has had its time: the reader is better served by another one.
func passes(err error) bool {
	kind := problem.From(err).Kind
	return kind == problem.Upstream || kind == problem.UpstreamBusy
}

// pause is how long to wait after so many tries. It is never less than what the
// provider asks for, and more by chance, so that many who failed together do not
// come back together.
func (r Retries) pause(tries int, err error) time.Duration {
	backoff := r.Pause << min(tries-1, 10)
	asked := problem.From(err).RetryAfter
	if asked > 0 {
		return asked + jitter(r.Pause)
	}
	return backoff/2 + jitter(backoff)
}

// jitter is any time up to the limit.
func jitter(limit time.Duration) time.Duration {
	if limit <= 0 {
		return 0
	}
	return rand.N(limit) //nolint:gosec // not a secret
}

// making is a generation on its way through the models.
type making struct {
	*generation

	by *Generations
}

func (m making) request(ctx context.Context) (Request, error) {
	return m.by.request(ctx, m.generation)
}

func (m making) follow(ctx context.Context, request Request) error {
	return m.by.follow(ctx, m.generation, request)
}

// rest waits, unless the answer is stopped or the server ends, which it returns.
func (m making) rest(ctx context.Context, pause time.Duration) error {
	return rest(ctx, pause, m.by.lastOrders())
}

func rest(ctx context.Context, pause time.Duration, lastOrders <-chan struct{}) error {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-lastOrders:
		return errInterrupted
	}
}

// noteTry keeps with the answer which model has failed it, and why. What the
// provider told of the failed try is no part of the answer.
func (m making) noteTry(ctx context.Context, err error) {
	made := m.generation
	m.by.Log.WarnContext(ctx, "model did not answer", "message", made.answer.ID, "model", made.source.model.ID, "error", err)
	made.mu.Lock()
	defer made.mu.Unlock()
	failed := map[string]any{"model": made.source.model.ID, "code": problem.From(err).Kind.Code()}
	if made.answer.GenerationID != "" {
		failed["generationId"] = made.answer.GenerationID
	}
	before, _ := made.answer.Metadata[metadataTried].([]any)
	// A copy, since the answer as it began is being told to its reader.
	kept := maps.Clone(made.answer.Metadata)
	if kept == nil {
		kept = Metadata{}
	}
	kept[metadataTried] = append(slices.Clone(before), failed)
	made.answer.Metadata = kept
	made.answer.GenerationID, made.answer.FinishReason = "", ""
	made.use(Usage{})
}

// metadataTried lists the tries that failed, in order: model, code and, if the
// provider told it, generationId.
const metadataTried = "tried"

// wordless tells whether a provider failed before the answer's first word.
func (g *generation) wordless(err error) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return isUpstream(err) && g.firstToken.IsZero()
}

// isUpstream tells whether it is the provider that failed.
func isUpstream(err error) bool {
	switch problem.From(err).Kind {
	case problem.Upstream, problem.UpstreamAuth, problem.UpstreamRejected, problem.UpstreamBusy, problem.UpstreamTimeout:
		return true
	default:
		return false
	}
}

// turnTo has another model make the answer.
func (g *generation) turnTo(next candidate) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.source.candidate = next
	g.answer.ModelID = next.model.ID
}

// askedModel is the model that was asked first: the one that message_ack names,
// whichever answers in the end.
func (m *Message) askedModel() string {
	tried, _ := m.Metadata[metadataTried].([]any)
	if len(tried) > 0 {
		if first, ok := tried[0].(map[string]any); ok {
			if model, ok := first["model"].(string); ok {
				return model
			}
		}
	}
	return m.ModelID
}
