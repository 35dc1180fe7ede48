package chat

import (
	"context"
	"slices"

	"dreamchat/pkg/problem"
)

// window reads one page. It seeks by position, so that a page costs the same
// wherever it lies, and reads one message more than it shows, to know whether
// there is more.
type window struct {
	messages       *Messages
	userID         string
	conversationID string
	order          Order
	limit          int
	superseded     bool
}

// first is a page that starts behind a position, with nothing before it.
func (w window) first(ctx context.Context, behind int64) (MessagePage, error) {
	found, more, err := w.read(ctx, w.order, behind, w.limit)
	if err != nil {
		return MessagePage{}, err
	}
	return w.page(found, more, false), nil
}

// from is the page at a cursor.
func (w window) from(ctx context.Context, at position) (MessagePage, error) {
	order := w.order
	if at.back {
		order = opposite(order)
	}
	found, more, err := w.read(ctx, order, at.seq, w.limit)
	switch {
	case err != nil:
		return MessagePage{}, err
	case len(found) == 0:
		return w.end(at), nil
	case at.back:
		slices.Reverse(found)
		return w.page(found, true, more), nil
	default:
		return w.page(found, more, true), nil
	}
}

// end is the empty page beyond the last message: the way back leads to the
// position that the cursor came from, which the bound leaves out.
func (w window) end(at position) MessagePage {
	newer := (w.order == OldestFirst) != at.back
	back := position{seq: at.seq - 1, back: !at.back}
	if newer {
		back.seq = at.seq + 1
	}
	page := MessagePage{Data: []Message{}, HasMore: at.back}
	if cursor := w.seal(back); at.back {
		page.NextCursor = cursor
	} else {
		page.PrevCursor = cursor
	}
	return page
}

// around is a page with the message in its middle.
func (w window) around(ctx context.Context, messageID string) (MessagePage, error) {
	middle, err := w.messages.Store.Message(ctx, w.userID, messageID)
	if err != nil {
		return MessagePage{}, err
	}
	if middle.ConversationID != w.conversationID {
		return MessagePage{}, problem.NotFound.New("There is no such message in this conversation.")
	}
	before, moreBefore, err := w.read(ctx, opposite(w.order), beside(w.order, middle.Seq), (w.limit+1)/2)
	if err != nil {
		return MessagePage{}, err
	}
	behind, moreBehind, err := w.read(ctx, w.order, middle.Seq, w.limit-len(before))
	if err != nil {
		return MessagePage{}, err
	}
	slices.Reverse(before)
	return w.page(append(before, behind...), moreBehind, moreBefore), nil
}

// beside is the bound that just includes seq when read against the order.
func beside(order Order, seq int64) int64 {
	if order == OldestFirst {
		return seq + 1
	}
	return seq - 1
}

// read returns at most limit messages behind a position in an order, and
// whether there are more.
func (w window) read(ctx context.Context, order Order, behind int64, limit int) ([]Message, bool, error) {
	query := MessageQuery{Order: order, Limit: limit + 1, Superseded: w.superseded}
	if order == OldestFirst {
		query.After = behind
	} else {
		query.Before = behind
	}
	found, err := w.messages.Store.Messages(ctx, w.userID, w.conversationID, query)
	if err != nil {
		return nil, false, err
	}
	return found[:min(len(found), limit)], len(found) > limit, nil
}

func (w window) page(found []Message, next, prev bool) MessagePage {
	page := MessagePage{Data: nonNil(found), HasMore: next}
	if next && len(found) > 0 {
		page.NextCursor = w.seal(position{seq: found[len(found)-1].Seq})
	}
	if prev && len(found) > 0 {
		page.PrevCursor = w.seal(position{seq: found[0].Seq, back: true})
	}
	return page
}

func (w window) seal(at position) *string {
	return sealPosition(w.messages.Cursors, w.conversationID, w.order, at)
}

func opposite(order Order) Order {
	if order == OldestFirst {
		return NewestFirst
	}
	return OldestFirst
}
