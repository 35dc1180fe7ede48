package auth

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	// usesApart is how far apart the uses of a key are that are noted.
	usesApart = time.Minute
	// maxUses bounds the keys whose use waits to be noted. That of further ones
	// is noted when they are used again.
	maxUses = 1024
	// notingTime bounds what the database may take for those that wait.
	notingTime = 5 * time.Second
)

// uses notes when keys are used, beside the requests that use them.
type uses struct {
	store APIKeyStore
	log   *slog.Logger

	mu      sync.Mutex
	waiting map[string]struct{}
	bell    chan struct{}
}

func newUses(store APIKeyStore, log *slog.Logger) uses {
	return uses{store: store, log: log, waiting: make(map[string]struct{}), bell: make(chan struct{}, 1)}
}

// note never waits.
func (u *uses) note(keyID string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.waiting) == maxUses {
		return
	}
	u.waiting[keyID] = struct{}{}
	select {
	case u.bell <- struct{}{}:
	default:
	}
}

func (u *uses) run(ctx context.Context) {
	noting := context.WithoutCancel(ctx) // whatever was used before the end
	for {
		select {
		case <-u.bell:
			u.save(noting)
		case <-ctx.Done():
			u.save(noting)
			return
		}
	}
}

// save gives up at the first failure: a key whose use is not noted notes it
// again at its next one.
func (u *uses) save(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, notingTime)
	defer cancel()
	at := now()
	for keyID := range u.take() {
		if err := u.store.TouchAPIKey(ctx, keyID, at, at.Add(-usesApart)); err != nil {
			u.log.WarnContext(ctx, "last use of an API key not noted", "error", err)
			return
		}
	}
}

func (u *uses) take() map[string]struct{} {
	u.mu.Lock()
	defer u.mu.Unlock()
	taken := u.waiting
	u.waiting = make(map[string]struct{})
	return taken
}
