package auth

import "encoding/base64"

// KeySet is a JWK Set (RFC 7517, section 5): the public keys that tokens can
// be checked with.
type KeySet struct {
	Keys []PublicKey `json:"keys"`
}

// PublicKey is an Ed25519 public key as a JWK (RFC 8037, section 2).
type PublicKey struct {
	KeyType   string `json:"kty"`
	Curve     string `json:"crv"`
	X         string `json:"x"`
	KeyID     string `json:"kid"`
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
}

// JWKS is the document to publish at /.well-known/jwks.json: every key whose
// tokens are good, and the one that signs next.
func (t *Tokens) JWKS() KeySet {
	set := KeySet{}
	for _, key := range t.Keys.ring.Load().good(now()) {
		set.Keys = append(set.Keys, publicKeyOf(key))
	}
	return set
}

func publicKeyOf(key *Key) PublicKey {
	return PublicKey{
		KeyType:   "OKP",
		Curve:     "Ed25519",
		X:         base64.RawURLEncoding.EncodeToString(key.public()),
		KeyID:     key.ID(),
		Use:       "sig",
		Algorithm: "EdDSA",
	}
}
