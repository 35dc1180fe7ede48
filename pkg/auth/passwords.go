package auth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"runtime"

	"golang.org/x/crypto/argon2"

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

// Passwords hashes and checks passwords with Argon2id (RFC 9106). It is safe
// for concurrent use.
type Passwords struct {
	turns chan struct{}
}

// NewPasswords returns one that hashes at most concurrency passwords at a time,
// each with 19 MiB of memory; the others wait. Zero means as many as Go uses
// processors.
func NewPasswords(concurrency int) *Passwords {
	if concurrency <= 0 {
		concurrency = runtime.GOMAXPROCS(0)
	}
	return &Passwords{turns: make(chan struct{}, concurrency)}
}

// Hash returns the PHC string to store for a password. One over
// MaxPasswordBytes is problem.Invalid; it is problem.Unavailable if ctx ends
// before there is room to hash.
func (p *Passwords) Hash(ctx context.Context, password string) (string, error) {
	if len(password) > MaxPasswordBytes {
		return "", longPassword()
	}
	salt := make([]byte, saltBytes)
	rand.Read(salt)
	fresh := phc{memory: hashMemory, time: hashTime, threads: hashThreads, salt: salt}
	key, err := p.derive(ctx, password, fresh, keyBytes)
	if err != nil {
		return "", err
	}
	fresh.key = key
	return fresh.String(), nil
}

// Matches tells whether the hash was made of this password, with the
// parameters that the hash names. An error is a hash that we cannot have made,
// or problem.Unavailable as in Hash.
func (p *Passwords) Matches(ctx context.Context, password, hash string) (bool, error) {
	if len(password) > MaxPasswordBytes {
		return false, nil
	}
	stored, err := parsePHC(hash)
	if err != nil {
		return false, err
	}
	key, err := p.derive(ctx, password, stored, uint32(len(stored.key))) //nolint:gosec // bounded by parsePHC
	if err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(key, stored.key) == 1, nil
}

func (p *Passwords) derive(ctx context.Context, password string, by phc, size uint32) ([]byte, error) {
	select {
	case p.turns <- struct{}{}:
		defer func() { <-p.turns }()
	case <-ctx.Done():
		return nil, problem.Unavailable.Because(context.Cause(ctx), "Too many passwords are being checked. Try again.")
	}
	return argon2.IDKey([]byte(password), by.salt, by.time, by.memory, by.threads, size), nil
}

func longPassword() error {
	err := problem.Invalid.New("The password is too long.")
	err.Fields = []problem.Field{{Pointer: "/password", Detail: "must be at most 512 bytes long"}}
	return err
}
