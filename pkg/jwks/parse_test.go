package jwks_test

import (
	"strings"
	"testing"
	"time"

	"dreamchat/pkg/jwks/jwkstest"
	"dreamchat/pkg/problem"
)

func TestKeysThatAreOfNoUseArePassedOver(t *testing.T) {
	t.Parallel()
	ed, rsa := jwkstest.Ed25519(t, "key"), jwkstest.RSA(t, "key", 2048)
	for name, bad := range map[string]jwkstest.Key{
		"encryption":        ed.With("use", "enc"),
		"operation":         ed.With("key_ops", []string{"sign"}),
		"algorithm":         ed.With("alg", "HS256"),
		"algorithm of RSA":  ed.With("alg", "RS256"),
		"no name":           ed.With("kid", nil),
		"name is a number":  ed.With("kid", 7),
		"no type":           ed.With("kty", nil),
		"symmetric":         ed.With("kty", "oct").With("k", "c2VjcmV0"),
		"elliptic":          ed.With("kty", "EC").With("crv", "P-256"),
		"curve":             ed.With("crv", "X25519"),
		"no point":          ed.With("x", nil),
		"short point":       ed.With("x", "AAAA"),
		"point is no text":  ed.With("x", "not base64!"),
		"PSS":               rsa.With("alg", "PS256"),
		"algorithm of OKP":  rsa.With("alg", "EdDSA"),
		"short modulus":     jwkstest.RSA(t, "key", 1024),
		"no modulus":        rsa.With("n", nil),
		"no exponent":       rsa.With("e", nil),
		"modulus too long":  rsa.With("n", strings.Repeat("_", 1368)), // 8,208 bits
		"exponent one":      rsa.With("e", "AQ"),
		"even exponent":     rsa.With("e", "Ag"),
		"exponent too long": rsa.With("e", "AQAAAAAAAAAB"),
		"modulus no text":   rsa.With("n", "not base64!"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			good := jwkstest.Ed25519(t, "good")
			issuer := jwkstest.New(t, bad, good)
			set := run(t, issuer.URL+jwkstest.Path, time.Hour)
			knows(t, set, good)
			_, err := set.Key(t.Context(), "key")
			wantKind(t, err, problem.TokenKeyUnknown)
		})
	}
}

func TestMembersThatMayBeLeftOut(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]jwkstest.Key{
		"Ed25519": jwkstest.Ed25519(t, "key"),
		"RSA":     jwkstest.RSA(t, "key", 2048),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			issuer := jwkstest.New(t, key.With("alg", nil).With("use", nil).With("key_ops", []string{"verify"}))
			knows(t, run(t, issuer.URL+jwkstest.Path, time.Hour), key)
		})
	}
}

func TestFirstOfTwoKeysWithOneNameCounts(t *testing.T) {
	t.Parallel()
	first := jwkstest.RSA(t, "key", 2048)
	issuer := jwkstest.New(t, first, jwkstest.Ed25519(t, "key"))
	knows(t, run(t, issuer.URL+jwkstest.Path, time.Hour), first)
}
