package chat

import (
	"encoding/binary"

	"dreamchat/pkg/cursor"
	"dreamchat/pkg/problem"
)

// position is what a cursor says: go on from this position, which is not part
// of the page, with the page's order or against it.
type position struct {
	seq  int64
	back bool
}

const cursorPlace = 9

// sealPosition binds a cursor to conversation and order.
func sealPosition(key cursor.Key, conversationID string, order Order, at position) *string {
	place := binary.BigEndian.AppendUint64(make([]byte, 0, cursorPlace), uint64(at.seq)) //nolint:gosec // positions are positive
	text := key.Seal(pagesOf(conversationID, order), append(place, b2i(at.back)))
	return &text
}

// openPosition reads what sealPosition made for the same conversation and order.
// Anything else is problem.InvalidCursor.
func openPosition(key cursor.Key, conversationID string, order Order, text string) (position, error) {
	place, err := key.Open(pagesOf(conversationID, order), text)
	if err != nil {
		return position{}, err
	}
	if len(place) != cursorPlace {
		return position{}, problem.InvalidCursor.New("The cursor is not one for pages of messages.")
	}
	return position{
		seq:  int64(binary.BigEndian.Uint64(place)), //nolint:gosec // sealed by us
		back: place[cursorPlace-1] == 1,
	}, nil
}

func pagesOf(conversationID string, order Order) string {
	return conversationID + "\n" + string(order)
}

func b2i(b bool) byte {
	if b {
		return 1
	}
	return 0
}
