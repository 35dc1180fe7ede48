// Package cursor seals the places where lists go on: clients hold them, and can
// neither read nor make them. It knows neither the lists nor what a place is made
// of.
package cursor

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"

	"dreamchat/pkg/problem"
)

// Key seals cursors. Instances that share their clients share the key. It holds at
// least 32 secret bytes.
type Key []byte

const macBytes = 16

// Seal makes the cursor of a place in the list of this name, and is good for no
// other list. The name holds no secret and is not part of the cursor.
func (k Key) Seal(list string, place []byte) string {
	sealed := append(make([]byte, 0, len(place)+macBytes), place...)
	return base64.RawURLEncoding.EncodeToString(append(sealed, k.mac(list, place)...))
}

// Open returns the place that Seal was given for the same list. Anything else is
// problem.InvalidCursor.
func (k Key) Open(list, cursor string) ([]byte, error) {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(sealed) < macBytes {
		return nil, bad()
	}
	place, mac := sealed[:len(sealed)-macBytes], sealed[len(sealed)-macBytes:]
	if !hmac.Equal(mac, k.mac(list, place)) {
		return nil, bad()
	}
	return place, nil
}

func (k Key) mac(list string, place []byte) []byte {
	mac := hmac.New(sha256.New, k)
	mac.Write([]byte(list + "\n"))
	mac.Write(place)
	return mac.Sum(nil)[:macBytes]
}

func bad() error {
	return problem.InvalidCursor.New("The cursor is not one that we made for this list.")
}
