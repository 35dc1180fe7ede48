package auth

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"dreamchat/pkg/problem"
)

const (
	// lookEvery is how often an instance looks for keys that others made. It is
	// less than SignsAfter by more than clocks differ.
	lookEvery = 10 * time.Second
	// renewPause is how far apart the looks are that unknown keys bring about,
	// and renewTime what each may take.
	renewPause = time.Second
	renewTime  = time.Second
)

// SigningKeys are the signing keys of an installation. Each instance has its own and
// hears of new ones by looking into the store. They are safe for concurrent
// use; the exported fields must not change after the first call.
type SigningKeys struct {
	// Every is how often Run looks for new keys; zero means 10 seconds.
	Every time.Duration
	// Overlap is how long a key's tokens stay good once the next one signs; zero
	// means AccessLifetime and as much more as an instance may take to hear of it.
	Overlap time.Duration

	root   *Key
	sealer sealer
	store  KeyStore
	log    *slog.Logger
	ring   atomic.Pointer[keyring]

	loading sync.Mutex
	told    map[string]error // the keys that cannot be opened, which the log has

	renewals singleflight.Group
	renewed  time.Time // only used by the one renewal under way
	failed   error
}

// NewSigningKeys returns the keys of the installation with this root key. Until Load
// or Run has looked into the store, the root is the only one; without a store,
// nil, it is so for good.
func NewSigningKeys(root *Key, store KeyStore, log *slog.Logger) *SigningKeys {
	k := &SigningKeys{root: root, sealer: newSealer(root), store: store, log: log}
	k.ring.Store(&keyring{ringKeyOf(root, SigningKey{})})
	return k
}

// Root is the key that every other secret of the installation comes of.
func (k *SigningKeys) Root() *Key { return k.root }

// Key finds the public key with this id among those whose tokens are good, see
// [Keys]. One that is not known is looked for in the store.
func (k *SigningKeys) Key(ctx context.Context, id string) (VerificationKey, error) {
	if key, found := k.ring.Load().find(id, time.Now()); found {
		return key, nil
	}
	if err := k.renew(ctx); err != nil {
		return VerificationKey{}, err
	}
	if key, found := k.ring.Load().find(id, time.Now()); found {
		return key, nil
	}
	return VerificationKey{}, unknownKey()
}

func (k *SigningKeys) signer() *Key { return k.ring.Load().signer(now()) }

// Load looks into the store. While that is away, which is problem.Unavailable,
// the keys stay what they were.
func (k *SigningKeys) Load(ctx context.Context) error {
	if k.store == nil {
		return nil
	}
	k.loading.Lock() // or who read first could be the last to tell
	defer k.loading.Unlock()
	stored, err := k.store.SigningKeys(ctx)
	if err != nil {
		return err
	}
	ring, sealed := k.ringOf(stored)
	k.tell(ctx, sealed)
	before := k.ring.Swap(&ring)
	if newest := ring[0]; newest.key.id != (*before)[0].key.id {
		k.log.InfoContext(ctx, "new signing key", "kid", newest.key.id, "signsAt", newest.SignsAt)
	}
	return nil
}

// Run looks for new keys and deletes what is retired, until ctx is done.
func (k *SigningKeys) Run(ctx context.Context) error {
	every := k.Every
	if every == 0 {
		every = lookEvery
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			k.look(ctx, every)
		}
	}
}

func (k *SigningKeys) look(ctx context.Context, limit time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := k.Load(ctx)
	if at := now(); err == nil && k.ring.Load().holdsRetired(at) {
		err = k.store.PruneSigningKeys(ctx, at)
	}
	if err != nil && ctx.Err() == nil {
		k.log.WarnContext(ctx, "signing keys not read", "error", err)
	}
}

// renew looks for a key that is not known, for all who miss one at this moment,
// unless that was done just before. It is problem.Unavailable if nobody can
// tell whether there is such a key.
func (k *SigningKeys) renew(ctx context.Context) error {
	_, err, _ := k.renewals.Do("", func() (any, error) {
		if time.Since(k.renewed) < renewPause {
			return nil, k.failed
		}
		k.renewed = time.Now()
		// The first who asks may leave, the others still wait.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), renewTime)
		defer cancel()
		k.failed = k.Load(ctx)
		return nil, k.failed
	})
	if err != nil {
		return problem.Unavailable.Because(err, "The key of this token cannot be looked up. Try again in a moment.")
	}
	return nil
}

// ringOf opens the keys that it can, and returns why it cannot open the others, by
// their ids. The root is the current one if no other is.
func (k *SigningKeys) ringOf(stored []SigningKey) (ring keyring, sealed map[string]error) {
	ring = make(keyring, 0, len(stored)+1)
	sealed = make(map[string]error)
	current := false
	for _, one := range stored {
		key, err := k.sealer.open(one)
		if err != nil {
			sealed[one.ID] = err
			continue
		}
		current = current || one.RetiresAt == nil
		ring = append(ring, ringKeyOf(key, one))
	}
	if !current {
		ring = slices.Insert(ring, 0, ringKeyOf(k.root, SigningKey{}))
	}
	return ring, sealed
}

// tell logs each key that cannot be opened once.
func (k *SigningKeys) tell(ctx context.Context, sealed map[string]error) {
	for id, err := range sealed {
		if _, told := k.told[id]; !told {
			k.log.WarnContext(ctx, "signing key skipped", "kid", id, "error", err)
		}
	}
	k.told = sealed
}
