package chat

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"

	"dreamchat/pkg/problem"
)

// CursorKey seals the cursors of message pages. Instances that share their
// clients share the key. It holds at least 32 secret bytes.
type CursorKey []byte

// position is what a cursor says: go on from this position, which is not part
// of the page, with the page's order or against it.
type position struct {
	seq  int64
	back bool
}

const (
	cursorBody = 9
	cursorMAC  = 16
)

// seal makes the cursor opaque and binds it to conversation and order.
func (k CursorKey) seal(conversationID string, order Order, at position) *string {
	body := binary.BigEndian.AppendUint64(make([]byte, 0, cursorBody+cursorMAC), uint64(at.seq)) //nolint:gosec // positions are positive
	body = append(body, b2i(at.back))
	text := base64.RawURLEncoding.EncodeToString(append(body, k.mac(conversationID, order, body)...))
	return &text
}

// open reads what seal made for the same conversation and order. Anything else
// is problem.InvalidCursor.
func (k CursorKey) open(conversationID string, order Order, cursor string) (position, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(raw) != cursorBody+cursorMAC {
		return position{}, badCursor()
	}
	body, mac := raw[:cursorBody], raw[cursorBody:]
	if !hmac.Equal(mac, k.mac(conversationID, order, body)) {
		return position{}, badCursor()
	}
	return position{
		seq:  int64(binary.BigEndian.Uint64(body)), //nolint:gosec // sealed by us
		back: body[cursorBody-1] == 1,
	}, nil
}

func (k CursorKey) mac(conversationID string, order Order, body []byte) []byte {
	mac := hmac.New(sha256.New, k)
	mac.Write([]byte(conversationID + "\n" + string(order) + "\n"))
	mac.Write(body)
	return mac.Sum(nil)[:cursorMAC]
}

func badCursor() error {
	return problem.InvalidCursor.New("The cursor is not one that we made for this conversation and order.")
}

func b2i(b bool) byte {
	if b {
		return 1
	}
	return 0
}
