package jwkstest

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"math/big"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

// Key signs tokens.
type Key struct {
	ID      string
	Method  jwt.SigningMethod
	Private crypto.Signer
	// JWK is how the key is published.
	JWK map[string]any
}

// Ed25519 makes a key for EdDSA.
func Ed25519(tb testing.TB, id string) Key {
	tb.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		tb.Fatal(err)
	}
	return Key{ID: id, Method: jwt.SigningMethodEdDSA, Private: private, JWK: map[string]any{
		"kty": "OKP", "crv": "Ed25519", "kid": id, "use": "sig", "alg": "EdDSA", "x": encode(public),
	}}
}

// RSA makes a key for RS256 with this many bits.
func RSA(tb testing.TB, id string, bits int) Key {
	tb.Helper()
	private, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		tb.Fatal(err)
	}
	return Key{ID: id, Method: jwt.SigningMethodRS256, Private: private, JWK: map[string]any{
		"kty": "RSA", "kid": id, "use": "sig", "alg": "RS256",
		"n": encode(private.N.Bytes()), "e": encode(big.NewInt(int64(private.E)).Bytes()),
	}}
}

// With is the key published otherwise; nil deletes a member.
func (k Key) With(name string, value any) Key {
	changed := map[string]any{name: value}
	for member, value := range k.JWK {
		if member != name {
			changed[member] = value
		}
	}
	if value == nil {
		delete(changed, name)
	}
	k.JWK = changed
	return k
}

// Sign signs claims.
func (k Key) Sign(tb testing.TB, claims jwt.Claims) string {
	tb.Helper()
	token := jwt.NewWithClaims(k.Method, claims)
	token.Header["kid"] = k.ID
	signed, err := token.SignedString(k.Private)
	if err != nil {
		tb.Fatal(err)
	}
	return signed
}

func encode(bytes []byte) string { return base64.RawURLEncoding.EncodeToString(bytes) }
