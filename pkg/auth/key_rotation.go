package auth

import (
	"context"
	"fmt"
	"slices"
	"time"

	"dreamchat/pkg/problem"
)

const (
	// SignsAfter is how long a new key should be published before it signs: by
	// then every instance has heard of it, and so has whoever keeps the published
	// keys for as long as they may be kept.
	SignsAfter = time.Minute
	// MaxSigningKeys bounds the keys whose tokens are good at one time.
	MaxSigningKeys = 16

	// unheard is how long an instance may go on signing with the former key
	// because it has not heard of the new one.
	unheard = time.Minute
)

// KeyRotation is the change from one signing key to the next.
type KeyRotation struct {
	// Made signs from its SignsAt, Former verifies until its RetiresAt.
	Made, Former SigningKey
}

// Rotate makes a new key that signs from after from now. Until then the former
// one does, and its tokens stay good for Overlap more. A rotation that is not
// over, or one key more than MaxSigningKeys, is problem.Conflict; so are keys
// of another root, unless this one is new and they are to be dropped.
func (k *SigningKeys) Rotate(ctx context.Context, after time.Duration, newRoot bool) (KeyRotation, error) {
	fresh, err := NewKey()
	if err != nil {
		return KeyRotation{}, err
	}
	var done KeyRotation
	err = k.store.ChangeSigningKeys(ctx, func(stored []SigningKey) ([]SigningKey, error) {
		at := now()
		keys, err := k.ours(stored, at, newRoot)
		if err != nil {
			return nil, err
		}
		if err := mayRotate(keys, at); err != nil {
			return nil, err
		}
		signs := at.Add(after)
		keys[0].RetiresAt = new(signs.Add(k.overlap()))
		done.Former = keys[0]
		done.Made = SigningKey{ID: fresh.id, Sealed: k.sealer.seal(fresh), CreatedAt: at, SignsAt: signs}
		return slices.Insert(keys, 0, done.Made), nil
	})
	return done, err
}

// ours are the keys to go on with, the current one first: the root if there is
// no other.
func (k *SigningKeys) ours(stored []SigningKey, at time.Time, newRoot bool) ([]SigningKey, error) {
	var keys []SigningKey
	for _, one := range stored {
		_, err := k.sealer.open(one)
		switch {
		case err != nil && !newRoot:
			return nil, problem.Conflict.Because(err, "The database holds signing keys that only another root key opens: use that one, or say that this one is new.")
		case err == nil && one.isGood(at):
			keys = append(keys, one)
		}
	}
	if len(keys) == 0 || keys[0].RetiresAt != nil {
		keys = slices.DeleteFunc(keys, func(one SigningKey) bool { return one.ID == k.root.id })
		keys = slices.Insert(keys, 0, SigningKey{ID: k.root.id, CreatedAt: at, SignsAt: at})
	}
	return keys, nil
}

func mayRotate(keys []SigningKey, at time.Time) error {
	if signs := keys[0].SignsAt; at.Before(signs) {
		return problem.Conflict.New(fmt.Sprintf("The key %s of the last rotation does not sign before %s.",
			keys[0].ID, signs.Format(time.RFC3339)))
	}
	if len(keys) >= MaxSigningKeys {
		return problem.Conflict.New(fmt.Sprintf("There are %d signing keys, which is the most. The first retires at %s.",
			len(keys), keys[len(keys)-1].RetiresAt.Format(time.RFC3339)))
	}
	return nil
}

func (k *SigningKeys) overlap() time.Duration {
	if k.Overlap == 0 {
		return AccessLifetime + leeway + unheard
	}
	return k.Overlap
}
