package chat

import (
	"context"
	"errors"
	"io"
	"strconv"
	"strings"

	"dreamchat/pkg/problem"
	"dreamchat/pkg/stream"
)

// Feed is the stream of one answer, and where a reader goes on in it. A feed of
// a running answer and one of a finished answer, built again from its row, read
// the same.
type Feed struct {
	ConversationID string
	MessageID      string
	Attempt        int
	Log            *stream.Log[Event]
	// After is the number of the last event that the reader has.
	After int
	// Reset is why the reader must begin again; empty if its cursor is good.
	Reset string
}

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

// Follow finds the stream of an answer. The cursor is the id of the last event
// that the reader has ("1.57"), or empty; a bad one begins again and is no
// error. An answer that another server makes is problem.Unavailable: the reader
// may come again.
func (g *Generations) Follow(ctx context.Context, userID, messageID, cursor string) (*Feed, error) {
	if made, here := g.find(userID, messageID); here {
		return made.feed(cursor), nil
	}
	answer, err := g.answer(ctx, userID, messageID)
	if err != nil {
		return nil, err
	}
	if answer.Status != StatusStreaming {
		return answer.feed(cursor), nil
	}
	// It may have begun since we looked.
	if made, here := g.find(userID, messageID); here {
		return made.feed(cursor), nil
	}
	return nil, problem.Unavailable.New("The answer is being made by another server.")
}

func (g *generation) feed(cursor string) *Feed {
	feed := &Feed{
		ConversationID: g.answer.ConversationID,
		MessageID:      g.answer.ID,
		Attempt:        g.answer.Attempt,
		Log:            g.log,
	}
	feed.seek(cursor)
	return feed
}

func (m *Message) feed(cursor string) *Feed {
	feed := &Feed{
		ConversationID: m.ConversationID,
		MessageID:      m.ID,
		Attempt:        m.Attempt,
		Log:            new(stream.Log[Event]),
	}
	_ = feed.Log.Seal(m.Events()...) // the log is new
	feed.seek(cursor)
	return feed
}

// seek sets where the reader goes on.
func (f *Feed) seek(cursor string) {
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
