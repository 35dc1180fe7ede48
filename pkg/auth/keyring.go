package auth

import (
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// keyring are the keys of one moment, the current one first, then the newest. It
// never changes, so that requests share it without a lock.
type keyring []ringKey

type ringKey struct {
	SigningKey

	key *Key
	// verifies is made once and not for every token.
	verifies VerificationKey
}

func ringKeyOf(key *Key, stored SigningKey) ringKey {
	verifies := VerificationKey{Algorithm: jwt.SigningMethodEdDSA.Alg(), Public: key.public()}
	return ringKey{SigningKey: stored, key: key, verifies: verifies}
}

// find returns what checks the signatures of the key with this id.
func (r keyring) find(id string, at time.Time) (key VerificationKey, found bool) {
	for i := range r {
		if r[i].key.id == id {
			return r[i].verifies, r[i].isGood(at)
		}
	}
	return VerificationKey{}, false
}

// signer is the newest key that signs already. While there is none, which only
// clocks that differ can bring about, it is the newest of all.
func (r keyring) signer(at time.Time) *Key {
	for i := range r {
		if r[i].isGood(at) && !at.Before(r[i].SignsAt) {
			return r[i].key
		}
	}
	return r[0].key
}

// good are the keys whose tokens are good, the newest first.
func (r keyring) good(at time.Time) []*Key {
	var keys []*Key
	for i := range r {
		if r[i].isGood(at) {
			keys = append(keys, r[i].key)
		}
	}
	return keys
}

func (r keyring) holdsRetired(at time.Time) bool {
	return slices.ContainsFunc(r, func(one ringKey) bool { return !one.isGood(at) })
}
