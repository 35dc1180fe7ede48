package jwks

import (
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"dreamchat/pkg/auth"
)

const (
	// maxKeys bounds the keys of one issuer.
	maxKeys = 100
	// Shorter RSA keys can be broken; longer ones cost more time than is given to a
	// request.
	minBits = 2048
	maxBits = 8192
)

// webKey is a JWK (RFC 7517, section 4) of the kinds that are of use: Ed25519 (RFC
// 8037, section 2) and RSA (RFC 7518, section 6.3.1).
type webKey struct {
	Type       string   `json:"kty"`
	Use        string   `json:"use"`
	Operations []string `json:"key_ops"`
	Algorithm  string   `json:"alg"`
	ID         string   `json:"kid"`
	Curve      string   `json:"crv"`
	X          string   `json:"x"`
	Modulus    string   `json:"n"`
	Exponent   string   `json:"e"`
}

// parse reads a JWK Set. Keys that are of no use here are passed over (RFC 7517,
// section 5); of two with one name the first counts.
func parse(document []byte) (map[string]auth.VerificationKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(document, &set); err != nil {
		return nil, fmt.Errorf("the document is no JWK Set: %w", err)
	}
	if set.Keys == nil {
		return nil, errors.New("the document is no JWK Set: it has no keys")
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("the document has more than %d keys", maxKeys)
	}
	keys := make(map[string]auth.VerificationKey)
	for _, text := range set.Keys {
		var key webKey
		if json.Unmarshal(text, &key) != nil || !key.signs() {
			continue
		}
		if _, taken := keys[key.ID]; taken {
			continue
		}
		if found, ok := key.verification(); ok {
			keys[key.ID] = found
		}
	}
	return keys, nil
}

// signs tells whether the key can be named and may check signatures.
func (k *webKey) signs() bool {
	use := k.Use == "" || k.Use == "sig"
	return k.ID != "" && use && (k.Operations == nil || slices.Contains(k.Operations, "verify"))
}

func (k *webKey) verification() (auth.VerificationKey, bool) {
	var found auth.VerificationKey
	switch k.Type {
	case "OKP":
		found.Algorithm = "EdDSA"
		if public := k.ed25519(); public != nil {
			found.Public = public
		}
	case "RSA":
		found.Algorithm = "RS256"
		if public := k.rsa(); public != nil {
			found.Public = public
		}
	}
	return found, found.Public != nil && (k.Algorithm == "" || k.Algorithm == found.Algorithm)
}

func (k *webKey) ed25519() ed25519.PublicKey {
	public, err := base64.RawURLEncoding.DecodeString(k.X)
	if err != nil || k.Curve != "Ed25519" || len(public) != ed25519.PublicKeySize {
		return nil
	}
	return public
}

func (k *webKey) rsa() *rsa.PublicKey {
	modulus, err := base64.RawURLEncoding.DecodeString(k.Modulus)
	if err != nil {
		return nil
	}
	exponent, err := base64.RawURLEncoding.DecodeString(k.Exponent)
	if err != nil {
		return nil
	}
	n, e := new(big.Int).SetBytes(modulus), new(big.Int).SetBytes(exponent)
	const maxExponent = 1<<31 - 1
	if n.BitLen() < minBits || n.BitLen() > maxBits || !e.IsInt64() || e.Int64() < 3 || e.Int64() > maxExponent || e.Bit(0) == 0 {
		return nil
	}
	return &rsa.PublicKey{N: n, E: int(e.Int64())}
}
