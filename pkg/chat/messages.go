package chat

import (
	"context"
	"math"

	"dreamchat/pkg/cursor"
)

// Messages are the turns of conversations, read page by page. Its methods are
// safe for concurrent use.
type Messages struct {
	Store   MessageStore
	Cursors cursor.Key
}

// PageQuery asks for a page of a conversation. At most one of Cursor, Around
// and After is set; none of them is the first page.
type PageQuery struct {
	Limit int
	Order Order
	// Superseded asks for the superseded messages too. A cursor is good with it
	// and without.
	Superseded bool
	// Cursor is a NextCursor or PrevCursor of a page with the same Order.
	Cursor string
	// Around is the id of a message to show with its neighbours. One that is
	// superseded need not be shown for them to be.
	Around string
	// After is a position: the messages behind it, oldest first.
	After *int64
}

// Find returns one message, superseded or not.
func (m *Messages) Find(ctx context.Context, userID, id string) (Message, error) {
	return m.Store.Message(ctx, userID, id)
}

// Page returns a page of a conversation. A cursor that we did not make for this
// conversation and order is problem.InvalidCursor; a message of another
// conversation to show around is problem.NotFound.
func (m *Messages) Page(ctx context.Context, userID, conversationID string, query PageQuery) (MessagePage, error) {
	w := window{
		messages: m, userID: userID, conversationID: conversationID,
		order: query.Order, limit: query.Limit, superseded: query.Superseded,
	}
	switch {
	case query.Cursor != "":
		at, err := openPosition(m.Cursors, conversationID, query.Order, query.Cursor)
		if err != nil {
			return MessagePage{}, err
		}
		return w.from(ctx, at)
	case query.Around != "":
		return w.around(ctx, query.Around)
	case query.After != nil:
		w.order = OldestFirst
		return w.first(ctx, *query.After)
	case query.Order == OldestFirst:
		return w.first(ctx, 0)
	default:
		return w.first(ctx, math.MaxInt64)
	}
}
