package auth

import (
	"context"
	"strconv"
	"sync/atomic"
	"time"
)

// Occupy takes the turns of one password that is being hashed until release is
// called.
func (p *Passwords) Occupy(ctx context.Context) (release func(), err error) {
	return p.enter(ctx, phc{})
}

// Watched tells what hashing has taken.
type Watched struct {
	// Work counts the KiB that were passed over.
	Work atomic.Uint64
	// Most is the most that was hashed at the same time.
	Most    atomic.Int64
	running atomic.Int64
}

// Watch counts from now on. Call it before the first use.
func (p *Passwords) Watch() *Watched {
	watched, hash := new(Watched), p.argon2
	p.argon2 = func(password, salt []byte, time, memory uint32, threads uint8, size uint32) []byte {
		now := watched.running.Add(1)
		defer watched.running.Add(-1)
		for most := watched.Most.Load(); now > most && !watched.Most.CompareAndSwap(most, now); {
			most = watched.Most.Load()
		}
		watched.Work.Add(uint64(time) * uint64(memory))
		return hash(password, salt, time, memory, threads, size)
	}
	return watched
}

// Unseal opens a stored answer to a refresh.
func Unseal(sealed []byte, usedToken string) (refreshToken string, err error) {
	opened, err := unseal(sealed, usedToken)
	return opened.RefreshToken, err
}

// Prune forgets what nobody needs at a time.
func (a *Accounts) Prune(ctx context.Context, at time.Time) { a.prune(ctx, at) }

// Remember has so many identities come, one after the other, and tells how many are
// remembered, and whether the last one is.
func Remember(count int) (kept int, last bool) {
	var known identities
	var by identity
	for number := range count {
		by.subject = strconv.Itoa(number)
		known.keep(by, sighting{})
	}
	_, last = known.find(by)
	return len(known.young) + len(known.old), last
}
