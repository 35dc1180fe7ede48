package auth

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
)

// Key signs tokens (Ed25519). The root key is the first that does, and the root
// of the other secrets of an installation: every instance needs the same one. It is safe for concurrent
// use, and printing it shows its id only.
type Key struct {
	id      string
	private ed25519.PrivateKey
}

// NewKey makes a fresh key.
func NewKey() (*Key, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("auth: make a signing key: %w", err)
	}
	return keyOf(private), nil
}

// ParseKey reads an Ed25519 private key in PKCS#8 PEM form, as
// "openssl genpkey -algorithm ed25519" prints it.
func ParseKey(text []byte) (*Key, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("auth: the signing key is not in PEM form")
	}
	if block.Type != pemType {
		return nil, fmt.Errorf("auth: the signing key is a PEM block %q, need %q", block.Type, pemType)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("auth: the signing key is not PKCS#8: %w", err)
	}
	private, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("auth: the signing key is a %T, need Ed25519", parsed)
	}
	return keyOf(private), nil
}

const pemType = "PRIVATE KEY"

// PEM gives the form that ParseKey reads. It is the secret itself.
func (k *Key) PEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.private)
	if err != nil {
		return nil, fmt.Errorf("auth: encode the signing key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemType, Bytes: der}), nil
}

// ID is the key's thumbprint (RFC 7638): the "kid" of its tokens.
func (k *Key) ID() string { return k.id }

// String gives the id, so that a key in a log line tells no secret.
func (k *Key) String() string { return k.id }

// GoString is String for %#v.
func (k *Key) GoString() string { return k.id }

// Derive gives 32 secret bytes for one purpose (HKDF-SHA256, RFC 5869): the
// same for the same key and purpose, telling nothing of either.
func (k *Key) Derive(purpose string) []byte {
	secret, err := hkdf.Key(sha256.New, k.private.Seed(), nil, "dreamchat/"+purpose, sha256.Size)
	if err != nil {
		// Only a length beyond 255 hashes or a weak hash in FIPS mode can fail.
		panic(err) //nolint:forbidigo // both are fixed above
	}
	return secret
}

func (k *Key) public() ed25519.PublicKey {
	return ed25519.PublicKey(k.private[ed25519.SeedSize:]) // Public would copy
}

func keyOf(private ed25519.PrivateKey) *Key {
	key := &Key{private: private}
	key.id = thumbprint(key.public())
	return key
}

// thumbprint hashes the required members of the JWK in their lexical order
// (RFC 7638, section 3; RFC 8037, section 2).
func thumbprint(public ed25519.PublicKey) string {
	members := `{"crv":"Ed25519","kty":"OKP","x":"` + base64.RawURLEncoding.EncodeToString(public) + `"}`
	sum := sha256.Sum256([]byte(members))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
