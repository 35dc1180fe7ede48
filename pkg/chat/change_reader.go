package chat

import (
	"context"
	"encoding/json"

	"dreamchat/pkg/stream"
)

// Reasons for a reader of the feed to load its lists again.
const (
	ResetStart  = "start"   // it has told no cursor
	ResetTooOld = "too_old" // what it has missed is not kept any more
)

// ChangeReader is one reader of an account's feed. Only one goroutine uses it.
type ChangeReader struct {
	store  ChangeStore
	userID string
	// after is the number of the last change that the reader has, newest the
	// highest that is known to have been given out.
	after, newest int64
	// reset is what the reader must be told first; empty if its cursor is good.
	reset string
	bell  *stream.Listener
	leave func()
}

// Close ends the reading. It may be called more than once.
func (r *ChangeReader) Close() { r.leave() }

// More gets a value when there may be more to read. It may fail to come, so
// look now and then without it.
func (r *ChangeReader) More() <-chan struct{} { return r.bell.C }

func (r *ChangeReader) seek(ctx context.Context, cursor string) error {
	newest, err := r.store.NewestChange(ctx, r.userID)
	if err != nil {
		return err
	}
	r.newest = newest
	seq, ok := parseChangeID(cursor)
	switch {
	case cursor == "":
		r.reset = ResetStart
	case !ok || seq > newest:
		r.reset = ResetInvalid
	default:
		r.after = seq
	}
	return nil
}

// Next returns what follows, oldest first, and whether there may be more right
// after it. It waits for nothing. What follows without a gap is all there is;
// where changes have been pruned, a FeedReset with the number of the newest one
// stands in the place of everything up to that.
func (r *ChangeReader) Next(ctx context.Context) (changes []Change, more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	if r.reset != "" {
		return r.skip(r.reset), true, nil
	}
	changes, err = r.store.Changes(ctx, r.userID, r.after, changeBatch)
	if err != nil {
		return nil, false, err
	}
	if !r.follows(changes) {
		if r.newest, err = r.store.NewestChange(ctx, r.userID); err != nil {
			return nil, false, err
		}
		return r.skip(ResetTooOld), true, nil
	}
	r.after += int64(len(changes))
	r.newest = max(r.newest, r.after)
	return changes, len(changes) == changeBatch, nil
}

// follows tells whether nothing is missing. Numbers are given out without a gap
// and become visible in their order, so a gap is what was pruned.
func (r *ChangeReader) follows(changes []Change) bool {
	for i, change := range changes {
		if change.Seq != r.after+1+int64(i) {
			return false
		}
	}
	return len(changes) > 0 || r.after == r.newest
}

// skip goes on behind the newest change.
func (r *ChangeReader) skip(reason string) []Change {
	r.after, r.reset = r.newest, ""
	text, err := json.Marshal(Reset{Reason: reason})
	if err != nil {
		text = []byte("{}") // a string can be marshalled
	}
	return []Change{{UserID: r.userID, Seq: r.newest, Type: FeedReset, Data: string(text)}}
}
