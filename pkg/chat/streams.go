package chat

import (
	"context"

	"dreamchat/pkg/stream"
)

// Streams carries the streams of running answers between the instance that makes
// an answer and those that are asked for it. The database holds what was saved
// of each answer; Streams holds what came since. It may be away: then streams go
// on at the pace at which answers are saved. [*Alone] is enough for one
// instance. Implementations are safe for concurrent use.
type Streams interface {
	Bells
	// Publish opens the stream of an answer that this instance begins to make.
	// The log holds the events that are stored with the answer's row; all further
	// ones go through the Publication.
	Publish(messageID string, log *stream.Log[Event]) Publication
	// Tail returns what is there of an answer's stream after an event.
	Tail(ctx context.Context, messageID string, after int) (Tail, error)
	// Seize takes the stream of an answer away from an instance that fell silent,
	// which then can add nothing any more unless it proves, by a checkpoint, that
	// the answer is still its own. It returns all that was published after an
	// event; Whole is false if that cannot be told.
	Seize(ctx context.Context, messageID string, after int) (Tail, error)
	// Closed tells those who follow the stream that the answer's row is final.
	Closed(ctx context.Context, messageID string)
	// Forget leaves nothing of the streams of answers whose account is deleted. It
	// waits until that is done, and comes after whatever this instance published by
	// then.
	Forget(ctx context.Context, messageIDs ...string) error
}

// Publication is the writing end of a stream. Its methods never wait and are
// called by one goroutine at a time.
type Publication interface {
	// Append adds an event. Readers, on this instance too, see it once it is kept
	// outside of this process, so that no reader is shown what a crash could take
	// back.
	Append(event Event)
	// Saved tells that the answer is this instance's own and that the database
	// holds its first n events. Another goroutine may call it.
	Saved(n int)
	// Seal shows everything, with the terminal event, and ends the stream. The
	// answer's row is final.
	Seal(terminal Event)
	// Break ends the stream here without an ending, for readers to come again.
	Break(err error)
}

// Tail is a part of a stream.
type Tail struct {
	// Events follow the event that was asked for without a hole.
	Events []Event
	// Whole tells that nothing is missing behind them.
	Whole bool
}

// StreamTopic is rung when there is more of the answer's stream.
func StreamTopic(messageID string) string { return "stream:" + messageID }

// Alone is the Streams of an instance that has no others to talk to. Its events
// are seen at once, and a crash takes back what was not saved. What other
// instances of the same database make is known from there, at the pace at which
// they save it.
type Alone struct {
	stream.Bells
}

// Publish opens a stream that is seen at once.
func (*Alone) Publish(_ string, log *stream.Log[Event]) Publication { return direct{log} }

// Tail knows nothing.
func (*Alone) Tail(context.Context, string, int) (Tail, error) { return Tail{}, nil }

// Seize knows nothing.
func (*Alone) Seize(context.Context, string, int) (Tail, error) { return Tail{}, nil }

// Closed tells those who follow on this instance.
func (a *Alone) Closed(ctx context.Context, messageID string) {
	a.Ring(ctx, StreamTopic(messageID))
}

// Forget has nothing to forget.
func (*Alone) Forget(context.Context, ...string) error { return nil }

type direct struct {
	log *stream.Log[Event]
}

// The log ends by one of these calls alone, so none of them can fail.
func (d direct) Append(event Event)  { _ = d.log.Append(event) }
func (d direct) Seal(terminal Event) { _ = d.log.Seal(terminal) }
func (d direct) Break(err error)     { d.log.Break(err) }
func (d direct) Saved(int)           {}
