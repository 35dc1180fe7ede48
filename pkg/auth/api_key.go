package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"strings"
	"time"

	"dreamchat/pkg/id"
)

// Scope is what an API key may be used for.
type Scope string

// The scopes.
const (
	// ScopeRead is to see what the account holds and to follow its streams.
	ScopeRead Scope = "read"
	// ScopeChat is to ask models and to change conversations; it includes
	// ScopeRead.
	ScopeChat Scope = "chat"
)

// APIKey lets a program of a person's own in, in place of an access token. The
// key itself is never stored.
type APIKey struct {
	ID     string `json:"id"`
	UserID string `json:"-"`
	Name   string `json:"name"`
	// Prefix is how the key begins, to tell it from others.
	Prefix string `json:"prefix"`
	// Hash is the hex SHA-256 of the key. A fast hash will do: nobody guesses
	// 260 random bits.
	Hash string `json:"-"`
	// Scopes are all that the key may, in alphabetical order.
	Scopes    []Scope   `json:"scopes"`
	ExpiresAt time.Time `json:"expiresAt"`
	// LastUsedAt is exact to about a minute, and nil before the first use.
	LastUsedAt *time.Time `json:"lastUsedAt"`
	CreatedAt  time.Time  `json:"createdAt"`
}

// APIKeyStore keeps API keys. A database that is away is problem.Unavailable.
type APIKeyStore interface {
	// CreateAPIKey is problem.Conflict if its owner has that many keys already;
	// those that have expired by its CreatedAt make room. An owner without an
	// account is problem.NotFound.
	CreateAPIKey(ctx context.Context, key APIKey, most int) error
	// APIKeys lists the keys of a user, the newest first.
	APIKeys(ctx context.Context, userID string) ([]APIKey, error)
	// DeleteAPIKey is problem.NotFound for an id that is not one of the user's.
	DeleteAPIKey(ctx context.Context, userID, id string) error
	// APIKeyByHash finds a key, expired or not, else problem.NotFound.
	APIKeyByHash(ctx context.Context, hash string) (APIKey, error)
	// TouchAPIKey notes that a key was used, unless a use is noted that is later
	// than since. An unknown id is no error.
	TouchAPIKey(ctx context.Context, id string, now, since time.Time) error
}

// A key is "dck_", 52 random characters and 7 of a checksum, all of them of
// base32 (RFC 4648, section 6): dck_[A-Z2-7]{59}. By that, what scans texts for
// secrets finds it, and what was mistyped or cut off is known without a look
// into the database.
const (
	apiKeyMark     = "dck_"
	apiKeySecret   = 52 // two of rand.Text: 260 bits
	apiKeyChecksum = 7  // a CRC-32
	// apiKeyShown is how much of a key tells it from others. 230 bits stay
	// secret.
	apiKeyShown = len(apiKeyMark) + 6
)

// IsAPIKey tells whether a credential is meant to be an API key, good or not.
func IsAPIKey(credential string) bool {
	return strings.HasPrefix(credential, apiKeyMark)
}

// newAPIKey makes a key and what is stored of it.
func newAPIKey(userID, name string, scopes []Scope, lifetime time.Duration) (string, APIKey) {
	secret := rand.Text() + rand.Text()
	text := apiKeyMark + secret + checksum(secret)
	created := now()
	return text, APIKey{
		ID:        id.New(),
		UserID:    userID,
		Name:      name,
		Prefix:    text[:apiKeyShown],
		Hash:      apiKeyHash(text),
		Scopes:    scopes,
		ExpiresAt: created.Add(lifetime),
		CreatedAt: created,
	}
}

func apiKeyHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// isWellFormed tells whether a text can be a key of ours at all.
func isWellFormed(text string) bool {
	random, ours := strings.CutPrefix(text, apiKeyMark)
	if !ours || len(random) != apiKeySecret+apiKeyChecksum {
		return false
	}
	return checksum(random[:apiKeySecret]) == random[apiKeySecret:]
}

func checksum(secret string) string {
	sum := binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(secret)))
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum)
}
