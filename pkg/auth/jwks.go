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

// JWKS is the document to publish at /.well-known/jwks.json.
func (t *Tokens) JWKS() KeySet {
	return KeySet{Keys: []PublicKey{{
		KeyType:   "OKP",
		Curve:     "Ed25519",
		X:         base64.RawURLEncoding.EncodeToString(t.Key.public()),
		KeyID:     t.Key.ID(),
		Use:       "sig",
		Algorithm: "EdDSA",
	}}}
}
