package auth

import (
	"context"
	"slices"
	"time"
)

// KeyState is what a key is good for.
type KeyState string

// The states of a key.
const (
	KeyPublished KeyState = "published" // it signs next
	KeySigns     KeyState = "signs"
	KeyVerifies  KeyState = "verifies" // tokens that are out
	KeyRetired   KeyState = "retired"
	KeySealed    KeyState = "sealed" // by another root key: of no use here
)

// KeyInfo is what may be told of a key. CreatedAt is zero for a root key before
// the first rotation.
type KeyInfo struct {
	SigningKey

	State KeyState
}

// List tells of every key, the current one first.
func (k *SigningKeys) List(ctx context.Context) ([]KeyInfo, error) {
	stored, err := k.store.SigningKeys(ctx)
	if err != nil {
		return nil, err
	}
	at := now()
	ring, sealed := k.ringOf(stored)
	signer := ring.signer(at).id
	list := make([]KeyInfo, len(stored))
	for i, one := range stored {
		list[i] = KeyInfo{SigningKey: one, State: one.state(signer, at)}
		if sealed[one.ID] != nil {
			list[i].State = KeySealed
		}
	}
	isRoot := func(info KeyInfo) bool { return info.ID == k.root.id }
	if ring[0].key == k.root && !slices.ContainsFunc(list, isRoot) {
		list = slices.Insert(list, 0, KeyInfo{SigningKey: SigningKey{ID: k.root.id}, State: KeySigns})
	}
	return list, nil
}

func (s SigningKey) state(signer string, at time.Time) KeyState {
	switch {
	case !s.isGood(at):
		return KeyRetired
	case s.ID == signer:
		return KeySigns
	case at.Before(s.SignsAt):
		return KeyPublished
	default:
		return KeyVerifies
	}
}
