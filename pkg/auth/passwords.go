package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/sync/semaphore"

	"dreamchat/pkg/problem"
)

// MaxPasswordBytes bounds a password; the HTTP door asks for 8 to 128
// characters besides.
const MaxPasswordBytes = 512

// What a new hash costs: OWASP's advice for Argon2id, some 30 ms.
const (
	hashMemory  = 19 << 10 // KiB
	hashTime    = 2
	hashThreads = 1
	saltBytes   = 16
	keyBytes    = 32
)

const (
	// maxTurns bounds the passwords that are hashed at the same time, whatever
	// the machine has.
	maxTurns = 16
	// maxWaiting bounds those that wait for a turn.
	maxWaiting = 256
	// busyPause is when those who found no turn should come again: by then the
	// queue has moved on.
	busyPause = 5 * time.Second
)

// Passwords hashes and checks passwords with Argon2id (RFC 9106). It is safe
// for concurrent use.
//
// Only so many are hashed at a time, each with 19 MiB of memory. The others wait,
// first come first served, 256 at most and as long as their contexts let them:
// whoever finds no turn gets problem.Unavailable with a time to come again.
type Passwords struct {
	turns   *semaphore.Weighted
	most    int64 // turns
	waiting atomic.Int64
	// dearest is the most work that a check has taken; see topUp.
	dearest atomic.Uint64
	argon2  func(password, salt []byte, time, memory uint32, threads uint8, size uint32) []byte
}

// NewPasswords returns one that hashes at most concurrency passwords at a time.
// Zero means as many as half of the processors that Go uses, at least 1 and at
// most 16.
func NewPasswords(concurrency int) *Passwords {
	if concurrency <= 0 {
		concurrency = min(max(runtime.GOMAXPROCS(0)/2, 1), maxTurns)
	}
	most := int64(concurrency)
	p := &Passwords{turns: semaphore.NewWeighted(most), most: most, argon2: argon2.IDKey}
	p.dearest.Store(hashMemory * hashTime)
	return p
}

// Hash returns the PHC string to store for a password. One over
// MaxPasswordBytes is problem.Invalid.
func (p *Passwords) Hash(ctx context.Context, password string) (string, error) {
	if len(password) > MaxPasswordBytes {
		return "", longPassword()
	}
	salt := make([]byte, saltBytes)
	rand.Read(salt)
	fresh := phc{memory: hashMemory, time: hashTime, threads: hashThreads, salt: salt, key: make([]byte, keyBytes)}
	leave, err := p.enter(ctx, fresh)
	if err != nil {
		return "", err
	}
	defer leave()
	fresh.key = p.derive(password, fresh)
	return fresh.String(), nil
}

// Matches tells whether the hash was made of this password, with the
// parameters that the hash names. To find out that it was not takes the same
// work as Pretend does. An error is a hash that we cannot have made, or
// problem.Unavailable.
func (p *Passwords) Matches(ctx context.Context, password, hash string) (bool, error) {
	if len(password) > MaxPasswordBytes {
		return false, nil
	}
	stored, err := parsePHC(hash)
	if err != nil {
		return false, err
	}
	leave, err := p.enter(ctx, stored)
	if err != nil {
		return false, err
	}
	defer leave()
	if subtle.ConstantTimeCompare(p.derive(password, stored), stored.key) == 1 {
		return true, nil
	}
	p.topUp(password, stored.work())
	return false, nil
}

// Pretend takes the work of a password that does not match, for accounts that do
// not exist or have none.
func (p *Passwords) Pretend(ctx context.Context, password string) error {
	leave, err := p.enter(ctx, phc{})
	if err != nil {
		return err
	}
	defer leave()
	p.topUp(password, 0)
	return nil
}

// enter waits for as many turns as the hash needs, until leave is called.
func (p *Passwords) enter(ctx context.Context, hash phc) (leave func(), err error) {
	defer p.waiting.Add(-1)
	if p.waiting.Add(1) > maxWaiting {
		return nil, busy(nil)
	}
	weight := min(hash.weight(), p.most)
	if err := p.turns.Acquire(ctx, weight); err != nil {
		return nil, busy(context.Cause(ctx))
	}
	return func() { p.turns.Release(weight) }, nil
}

func (p *Passwords) derive(password string, by phc) []byte {
	size := uint32(len(by.key)) //nolint:gosec // bounded by parsePHC
	return p.argon2([]byte(password), by.salt, by.time, by.memory, by.threads, size)
}

// topUp adds to the work that was done what is missing to that of the dearest
// hash, so that a stored hash of other parameters shows no sooner and no later
// that it does not match than one that does not exist. One that is dearer than
// new ones are is known to be so once it was checked.
func (p *Passwords) topUp(password string, done uint64) {
	most := p.dearest.Load()
	for done > most {
		if p.dearest.CompareAndSwap(most, done) {
			return
		}
		most = p.dearest.Load()
	}
	if done == most {
		return
	}
	passes := (most - done + hashMemory - 1) / hashMemory
	memory := (most - done) / passes
	p.argon2([]byte(password), make([]byte, saltBytes), uint32(passes), uint32(memory), hashThreads, keyBytes) //nolint:gosec // bounded by parsePHC
}

func busy(cause error) error {
	return problem.Unavailable.Because(cause, "Too many passwords are being checked. Try again in a moment.").After(busyPause)
}

func longPassword() error {
	err := problem.Invalid.New("The password is too long.")
	err.Fields = []problem.Field{{Pointer: "/password", Detail: "must be at most 512 bytes long"}}
	return err
}
