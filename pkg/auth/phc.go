package auth

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

// phc is an Argon2id hash in the PHC string format,
// "$argon2id$v=19$m=19456,t=2,p=1$salt$key" with base64 without padding.
type phc struct {
	memory  uint32 // KiB
	time    uint32
	threads uint8
	salt    []byte
	key     []byte
}

// What a stored hash may ask for: it must not be able to take the machine down.
const (
	minMemory, maxMemory = 8, 64 << 10 // KiB
	maxTime              = 10
	maxThreads           = 16
	minSecret, maxSecret = 8, 64 // bytes of salt or key
)

var errHash = errors.New("auth: a stored password hash is not an argon2id PHC string within bounds")

// work counts the KiB that are passed over.
func (h phc) work() uint64 { return uint64(h.memory) * uint64(h.time) }

// weight is how many new hashes take as much of the machine at a time.
func (h phc) weight() int64 {
	return max((int64(h.memory)+hashMemory-1)/hashMemory, int64(h.threads), 1)
}

// isOutdated tells whether a hash, which may be none at all, was made in another
// way than new ones are.
func isOutdated(text string) bool {
	h, err := parsePHC(text)
	return err == nil && (h.memory != hashMemory || h.time != hashTime || h.threads != hashThreads ||
		len(h.salt) != saltBytes || len(h.key) != keyBytes)
}

func (h phc) String() string {
	encode := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s",
		argon2.Version, h.memory, h.time, h.threads, encode(h.salt), encode(h.key))
}

func parsePHC(text string) (phc, error) {
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != "v="+strconv.Itoa(argon2.Version) {
		return phc{}, errHash
	}
	costs := strings.Split(parts[3], ",")
	if len(costs) != 3 {
		return phc{}, errHash
	}
	memory, memoryOK := parseCost(costs[0], "m=", minMemory, maxMemory)
	time, timeOK := parseCost(costs[1], "t=", 1, maxTime)
	threads, threadsOK := parseCost(costs[2], "p=", 1, maxThreads)
	salt, saltOK := parseSecret(parts[4])
	key, keyOK := parseSecret(parts[5])
	if !memoryOK || !timeOK || !threadsOK || !saltOK || !keyOK {
		return phc{}, errHash
	}
	//nolint:gosec // threads is at most maxThreads
	return phc{memory: memory, time: time, threads: uint8(threads), salt: salt, key: key}, nil
}

func parseCost(text, prefix string, least, most uint32) (uint32, bool) {
	digits, ok := strings.CutPrefix(text, prefix)
	n, err := strconv.ParseUint(digits, 10, 32)
	cost := uint32(n)
	return cost, ok && err == nil && cost >= least && cost <= most
}

func parseSecret(text string) ([]byte, bool) {
	secret, err := base64.RawStdEncoding.Strict().DecodeString(text)
	return secret, err == nil && len(secret) >= minSecret && len(secret) <= maxSecret
}
