package auth_test

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/problem"
)

const issuer = "https://chat.example"

func newTokens(t testing.TB) *auth.Tokens {
	t.Helper()
	key, err := auth.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return &auth.Tokens{Keys: auth.NewSigningKeys(key, nil, slog.New(slog.DiscardHandler)), Issuer: issuer}
}

func TestAccessTokenSpeaksForItsUserUntilItExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tokens := newTokens(t)
		token, expires, err := tokens.Issue(auth.User{ID: "somebody|else's id", Role: auth.RoleAdmin}, "session")
		if err != nil {
			t.Fatal(err)
		}
		if want := time.Now().Add(15 * time.Minute); !expires.Equal(want) {
			t.Errorf("expires at %v, want %v", expires, want)
		}
		time.Sleep(15*time.Minute - time.Second)
		caller, err := tokens.Verify(t.Context(), token)
		want := auth.Caller{UserID: "somebody|else's id", Role: auth.RoleAdmin, SessionID: "session", ExpiresAt: expires}
		if err != nil || caller != want {
			t.Fatalf("Verify = %+v, %v, want %+v", caller, err, want)
		}
		time.Sleep(6 * time.Second) // beyond the five that clocks may differ
		if caller, err := tokens.Verify(t.Context(), token); !errors.Is(err, problem.TokenExpired) || caller != (auth.Caller{}) {
			t.Errorf("after its end Verify = %+v, %v, want %v", caller, err, problem.TokenExpired)
		}
	})
}

func TestTokensOfTheSameSecondDiffer(t *testing.T) {
	tokens := newTokens(t)
	seen := map[string]bool{}
	for range 50 {
		token, _, err := tokens.Issue(auth.User{ID: "ann", Role: auth.RoleUser}, "session")
		if err != nil || seen[token] {
			t.Fatalf("token came before: %v, %v", seen[token], err)
		}
		seen[token] = true
	}
}

func TestPublishedKeyVerifiesTokens(t *testing.T) {
	tokens := newTokens(t)
	document, err := json.Marshal(tokens.JWKS())
	if err != nil {
		t.Fatal(err)
	}
	var set struct{ Keys []map[string]string }
	if err := json.Unmarshal(document, &set); err != nil || len(set.Keys) != 1 {
		t.Fatalf("JWKS = %s, %v", document, err)
	}
	key := set.Keys[0]
	for member, want := range map[string]string{"kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": tokens.Keys.Root().ID()} {
		if key[member] != want {
			t.Errorf("%s = %q, want %q", member, key[member], want)
		}
	}
	if strings.Contains(string(document), `"d"`) {
		t.Fatalf("JWKS holds the private key: %s", document)
	}
	public, err := base64.RawURLEncoding.DecodeString(key["x"])
	if err != nil {
		t.Fatal(err)
	}
	token, _, err := tokens.Issue(auth.User{ID: "ann", Role: auth.RoleUser}, "session")
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := jwt.Parse(token, func(*jwt.Token) (any, error) { return ed25519.PublicKey(public), nil })
	if err != nil || parsed.Header["kid"] != key["kid"] {
		t.Errorf("token does not verify with the published key: %v, kid %v", err, parsed.Header["kid"])
	}
}

func TestTokensWithoutIssuerAreNeverGood(t *testing.T) {
	tokens := newTokens(t)
	tokens.Issuer = ""
	token, _, err := tokens.Issue(auth.User{ID: "ann", Role: auth.RoleUser}, "session")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tokens.Verify(t.Context(), token); !errors.Is(err, problem.TokenIssuer) {
		t.Errorf("Verify: %v, want %v", err, problem.TokenIssuer)
	}
}

// publicKey is what is published of a key.
func publicKey(t testing.TB, key *auth.Key) ed25519.PublicKey {
	t.Helper()
	text, err := key.PEM()
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	private, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return private.(ed25519.PrivateKey).Public().(ed25519.PublicKey)
}
