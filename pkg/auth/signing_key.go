package auth

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"
)

// SigningKey is a key that signs tokens, as it is stored.
type SigningKey struct {
	// ID is the key's thumbprint, see Key.ID.
	ID string
	// Sealed is the private key, which only the root key opens. It is nil for the
	// root key itself.
	Sealed    []byte
	CreatedAt time.Time
	// SignsAt is when it begins to sign, published all the while before.
	SignsAt time.Time
	// RetiresAt is when the last of its tokens has ended, nil for the current key.
	RetiresAt *time.Time
}

func (s SigningKey) isGood(at time.Time) bool {
	return s.RetiresAt == nil || at.Before(*s.RetiresAt)
}

// KeyStore keeps signing keys. A database that is away is problem.Unavailable.
type KeyStore interface {
	// SigningKeys lists all keys, the current one first, then the newest.
	SigningKeys(ctx context.Context) ([]SigningKey, error)
	// ChangeSigningKeys puts the keys that change makes of those that are stored
	// in their place, in one transaction that is alone with them. An error of
	// change is returned as it is and changes nothing.
	ChangeSigningKeys(ctx context.Context, change func(stored []SigningKey) ([]SigningKey, error)) error
	// PruneSigningKeys deletes the keys that are retired by now.
	PruneSigningKeys(ctx context.Context, now time.Time) error
}

var errSealed = errors.New("auth: the signing key is sealed by another root key")

// sealer keeps private keys from whoever reads the database.
type sealer struct {
	root *Key
	aead cipher.AEAD
}

func newSealer(root *Key) sealer {
	block, err := aes.NewCipher(root.Derive("signing keys"))
	if err != nil {
		panic(err) //nolint:forbidigo // only a length that is no key's can fail
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) //nolint:forbidigo // only a block that is not of AES can fail
	}
	return sealer{root: root, aead: aead}
}

// seal binds the private key to its id.
func (s sealer) seal(key *Key) []byte {
	return s.aead.Seal(nil, nil, key.private.Seed(), []byte(key.id)) //nolint:gosec // it makes a random nonce itself
}

func (s sealer) open(stored SigningKey) (*Key, error) {
	if stored.ID == s.root.id {
		return s.root, nil
	}
	seed, err := s.aead.Open(nil, nil, stored.Sealed, []byte(stored.ID))
	if err != nil {
		return nil, errSealed // the cause tells nothing more
	}
	if len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("auth: a seed of %d bytes", len(seed))
	}
	key := keyOf(ed25519.NewKeyFromSeed(seed))
	if key.id != stored.ID {
		return nil, fmt.Errorf("auth: the key sealed as %s is %s", stored.ID, key.id)
	}
	return key, nil
}
