package llm

import (
	"errors"
	"io"
	"time"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/sse"
)

const (
	// afterFinish is how long the usage may follow the last text.
	afterFinish = 10 * time.Second
	// afterDone is how long the end of the response may follow [DONE]. A
	// response that was read to its end leaves its connection to the next one.
	afterDone = 50 * time.Millisecond
)

// answer reads one stream of chunks and yields what they say.
type answer struct {
	yield  func(chat.Delta, error) bool
	client *Client
	watch  *watch
	body   io.Reader
	raw    *raw // nil unless chunks are passed on as they come

	decoder         decoder
	text, reasoning mender
	details         details // of OpenRouter's, to be sent back
	piece           block   // for reading details
	thoughts        []byte  // what details say, if nothing else does
	named           bool    // the generation's id has been told
	modelTold       bool
	begun           bool // there was more than signs of life
	finished        bool
	usage           *chat.Usage
}

// read yields the whole answer. It returns a problem, errLeft, or what reading
// the body failed with.
func (a *answer) read(generationID string) error {
	if generationID != "" {
		a.named = true
		if err := a.tell(chat.Delta{GenerationID: clip(generationID)}); err != nil {
			return err
		}
	}
	err := a.chunks(sse.NewReader(a.body, maxEvent))
	if errors.Is(err, errLeft) {
		return err
	}
	last := chat.Delta{Usage: a.usage}
	if err == nil {
		last.ReasoningDetails = a.details.whole()
	}
	if left := a.tell(last); left != nil {
		return left
	}
	return err
}

func (a *answer) tell(delta chat.Delta) error {
	if !a.begun && begins(&delta) {
		a.begun = true
		a.watch.arrived()
	}
	if !isEmpty(&delta) && !a.yield(delta, nil) {
		return errLeft
	}
	return nil
}

// begins tells whether a piece is more than signs of life: the model has begun to
// answer, or has ended.
func begins(delta *chat.Delta) bool {
	return delta.Text != "" || delta.Reasoning != "" || delta.CallsTool || delta.FinishReason != "" || delta.Raw != nil
}

func (a *answer) chunks(events *sse.Reader) error {
	for {
		event, err := events.Next()
		switch {
		case err != nil:
			return a.ended(err)
		case string(event.Data) == "[DONE]":
			a.drain()
			return a.ended(io.EOF)
		case len(event.Data) == 0:
			continue
		}
		c, err := a.decoder.decode(event.Data)
		if err != nil {
			return a.ended(unreadable.because(err))
		}
		if err := a.chunk(c, event.Data); err != nil {
			return err
		}
	}
}

// ended is the end of the stream. Whatever ends it, an answer with a finish
// reason is whole.
func (a *answer) ended(err error) error {
	switch {
	case a.finished, a.raw.isWhole():
		return nil
	case errors.Is(err, io.EOF):
		return unfinished.because(nil)
	case errors.Is(err, sse.ErrTooLarge):
		return overfull.because(err)
	default:
		return err
	}
}

func (a *answer) drain() {
	a.watch.tighten(afterDone)
	_, _ = io.CopyN(io.Discard, a.body, 4<<10)
}

func (a *answer) chunk(c *chunk, data []byte) error {
	failure := a.failure(c)
	delta := chat.Delta{Text: a.text.mend(c.choice.text), CallsTool: c.choice.callsTool}
	delta.Reasoning = a.reasoning.mend(a.thought(&c.choice))
	if a.client.OpenRouter && c.choice.details != nil {
		a.details.add(c.choice.details)
	}
	a.name(c, &delta)
	if usage := readUsage(c.usage); usage != nil {
		a.usage = usage
	}
	if a.raw.finishes(c, data) && failure == nil && !a.finished {
		a.finish(c, &delta)
	}
	if failure == nil {
		if err := a.raw.pass(a, c, &delta, data); err != nil {
			return err
		}
	}
	if err := a.tell(delta); err != nil {
		return err
	}
	if failure != nil {
		return a.ended(failure)
	}
	return nil
}

// thought is the reasoning of a piece, whatever the provider calls it.
func (a *answer) thought(c *choice) []byte {
	switch {
	case len(c.reasoning) > 0:
		return c.reasoning
	case len(c.reasoningContent) > 0 || c.details == nil:
		return c.reasoningContent
	}
	a.thoughts = appendReasoning(a.thoughts[:0], c.details, &a.piece)
	return a.thoughts
}

func (a *answer) name(c *chunk, delta *chat.Delta) {
	if !a.named && len(c.id) > 0 {
		a.named = true
		delta.GenerationID = clip(whole(c.id))
	}
	if !a.modelTold && len(c.model) > 0 {
		a.modelTold = true
		delta.Model = clip(whole(c.model))
	}
}

func (a *answer) finish(c *chunk, delta *chat.Delta) {
	a.finished = true
	a.watch.tighten(afterFinish)
	delta.Text += a.text.flush()
	delta.Reasoning += a.reasoning.flush()
	delta.FinishReason = whole(c.choice.finish)
}

// whole makes valid text of a string that goes on nowhere else.
func whole(raw []byte) string {
	var m mender
	return m.mend(raw) + m.flush()
}

// failure is the error that a chunk tells, if it does.
func (a *answer) failure(c *chunk) *problem.Error {
	raw := c.fault
	if raw == nil {
		raw = c.choice.fault
	}
	f, told := readFault(raw)
	if told || string(c.choice.finish) == "error" {
		return a.client.failure(f.status(), f, 0)
	}
	return nil
}
