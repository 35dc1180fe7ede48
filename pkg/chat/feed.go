package chat

import (
	"context"
	"errors"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"dreamchat/pkg/stream"
)

// Feed is the stream of one answer, and where a reader goes on in it. A feed of
// a running answer, wherever it is made, and one of a finished answer, built
// again from its row, read the same. Close it at the end.
type Feed struct {
	ConversationID string
	MessageID      string
	Attempt        int
	Log            *stream.Log[Event]
	// After is the number of the last event that the reader has.
	After int
	// Reset is why the reader must begin again; empty if its cursor is good.
	Reset string

	leave func()
}

// Close lets go of the stream. It may be called more than once.
func (f *Feed) Close() { f.leave() }

// Reasons for a reader to begin again.
const (
	ResetInvalid = "invalid_cursor" // not a cursor at all
	ResetAttempt = "other_attempt"  // of a stream that was broken off
	ResetAhead   = "ahead_of_log"   // of events that are not there
)

// Ended tells whether the reader has the terminal event already.
func (f *Feed) Ended() bool {
	_, _, err := f.Log.Peek(f.After)
	return errors.Is(err, io.EOF)
}

// catchUp is how long a reader may be ahead of us: it was served by another
// instance, which has seen more.
const catchUp = 2 * time.Second

// Follow finds the stream of an answer. The cursor is the id of the last event
// that the reader has ("1.57"), or empty; a bad one begins again and is no
// error. More than MaxReaders on one answer are problem.TooMany; what is no answer
// of the user's is problem.NotFound. The caller closes the feed.
func (g *Generations) Follow(ctx context.Context, userID, messageID, cursor string) (*Feed, error) {
	feed, err := g.open(ctx, userID, messageID)
	if err != nil {
		return nil, err
	}
	stand, err := g.readers.enter(messageID, MaxReaders)
	if err != nil {
		feed.leave()
		return nil, err
	}
	leave := feed.leave
	feed.leave = sync.OnceFunc(func() {
		stand()
		leave()
	})
	feed.seek(cursor)
	if feed.Reset == ResetAhead {
		g.mirrors.nudge(messageID)
		feed.reach(ctx, cursor)
		feed.seek(cursor)
	}
	return feed, nil
}

// open finds the stream where it is: made here, finished, or made elsewhere.
func (g *Generations) open(ctx context.Context, userID, messageID string) (*Feed, error) {
	if made, here := g.find(userID, messageID); here {
		return made.answer.feed(made.log), nil
	}
	answer, err := g.answer(ctx, userID, messageID)
	if err != nil {
		return nil, err
	}
	if answer.Status != StatusStreaming {
		whole := new(stream.Log[Event])
		_ = whole.Seal(answer.Events()...) // it is new
		return answer.feed(whole), nil
	}
	// It may have begun since we looked.
	if made, here := g.find(userID, messageID); here {
		return made.answer.feed(made.log), nil
	}
	mirror, err := g.mirrors.join(ctx, g.Streams, &answer, func(ctx context.Context) (Message, error) {
		return g.answer(ctx, userID, messageID)
	})
	if err != nil {
		return nil, err
	}
	feed := answer.feed(mirror.log)
	feed.leave = func() { g.mirrors.leave(mirror) }
	return feed, nil
}

func (m *Message) feed(log *stream.Log[Event]) *Feed {
	return &Feed{
		ConversationID: m.ConversationID,
		MessageID:      m.ID,
		Attempt:        m.Attempt,
		Log:            log,
		leave:          func() {},
	}
}

// seek sets where the reader goes on.
func (f *Feed) seek(cursor string) {
	f.Reset = ""
	if cursor == "" {
		return
	}
	attempt, seq, ok := parseEventID(cursor)
	switch {
	case !ok:
		f.Reset = ResetInvalid
	case attempt != f.Attempt:
		f.Reset = ResetAttempt
	case seq > f.Log.Len():
		f.Reset = ResetAhead
	default:
		f.After = seq
	}
}

// reach waits a little for the log to hold the reader's event.
func (f *Feed) reach(ctx context.Context, cursor string) {
	ctx, cancel := context.WithTimeout(ctx, catchUp)
	defer cancel()
	_, seq, _ := parseEventID(cursor)
	for n := f.Log.Len(); n < seq; n = f.Log.Len() {
		if _, err := f.Log.Next(ctx, n); err != nil {
			return
		}
	}
}

// parseEventID reads "attempt.seq".
func parseEventID(text string) (attempt, seq int, ok bool) {
	first, second, found := strings.Cut(text, ".")
	if !found {
		return 0, 0, false
	}
	a, errA := strconv.ParseUint(first, 10, 31)
	s, errS := strconv.ParseUint(second, 10, 31)
	return int(a), int(s), errA == nil && errS == nil
}

// Await waits for the end of an answer and returns it as it is stored. The
// answer goes on if ctx is done first. One that could not be brought to its end
// here is the problem that it met, or as somebody else has closed it.
func (g *Generations) Await(ctx context.Context, userID, messageID string) (Message, error) {
	feed, err := g.Follow(ctx, userID, messageID, "")
	if err != nil {
		return Message{}, err
	}
	defer feed.Close()
	for {
		events, err := feed.Log.Next(ctx, feed.After)
		if err == nil {
			feed.After += len(events)
			continue
		}
		if ctx.Err() != nil {
			return Message{}, err
		}
		ctx, cancel := context.WithTimeout(ctx, readTimeout)
		defer cancel()
		answer, lost := g.answer(ctx, userID, messageID)
		if lost != nil || answer.Status != StatusStreaming {
			return answer, lost
		}
		return Message{}, err
	}
}
