package auth_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/problem"
)

// privateKey takes the secret out of a key, as a thief of the file would.
func privateKey(t testing.TB, key *auth.Key) ed25519.PrivateKey {
	t.Helper()
	text, err := key.PEM()
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return parsed.(ed25519.PrivateKey)
}

func publicKey(t testing.TB, key *auth.Key) ed25519.PublicKey {
	t.Helper()
	return privateKey(t, key).Public().(ed25519.PublicKey)
}

// forge signs the claims of a good token after the changes; nil deletes.
type forge struct {
	method jwt.SigningMethod
	key    any
	kid    any
	claims map[string]any
}

func (f forge) token(t *testing.T) string {
	t.Helper()
	claims := jwt.MapClaims{
		"iss": issuer, "aud": "dreamchat", "sub": "ann", "role": "USER", "jti": "1",
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(),
	}
	maps.Copy(claims, f.claims)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	token := jwt.NewWithClaims(f.method, claims)
	if f.kid != nil {
		token.Header["kid"] = f.kid
	}
	signed, err := token.SignedString(f.key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func TestForgedTokensAreRefused(t *testing.T) {
	tokens := newTokens(t)
	ours, kid := privateKey(t, tokens.Key), tokens.Key.ID()
	theirs := newTokens(t).Key
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ago := func(d time.Duration) int64 { return time.Now().Add(-d).Unix() }
	changed := func(claims map[string]any) string {
		return forge{jwt.SigningMethodEdDSA, ours, kid, claims}.token(t)
	}
	good := changed(nil)
	if _, err := tokens.Verify(good); err != nil {
		t.Fatalf("the token that all others are made of is refused: %v", err)
	}
	parts := strings.Split(good, ".")
	encode := base64.RawURLEncoding.EncodeToString
	forged := map[string]struct {
		kind  problem.Kind
		token string
	}{
		"empty":                    {problem.TokenMalformed, ""},
		"dots":                     {problem.TokenMalformed, ".."},
		"one part":                 {problem.TokenMalformed, parts[0]},
		"two parts":                {problem.TokenMalformed, parts[0] + "." + parts[1]},
		"four parts":               {problem.TokenMalformed, good + "."},
		"padded":                   {problem.TokenMalformed, good + "=="},
		"space":                    {problem.TokenMalformed, " " + good},
		"session token":            {problem.TokenMalformed, "sess_3kTMd81opaque"},
		"huge":                     {problem.TokenMalformed, good + strings.Repeat("A", 10_000)},
		"no signature":             {problem.TokenSignature, parts[0] + "." + parts[1] + "."},
		"zero signature":           {problem.TokenSignature, parts[0] + "." + parts[1] + "." + encode(make([]byte, 64))},
		"other claims":             {problem.TokenSignature, parts[0] + "." + encode([]byte(`{"iss":"`+issuer+`","aud":"dreamchat","sub":"bob","role":"ADMIN","jti":"1","iat":1,"exp":99999999999}`)) + "." + parts[2]},
		"other header":             {problem.TokenSignature, encode([]byte(`{"alg":"EdDSA","typ":"JWT","kid":"`+kid+`","x":1}`)) + "." + parts[1] + "." + parts[2]},
		"header is a list":         {problem.TokenMalformed, encode([]byte(`[]`)) + "." + parts[1] + "." + parts[2]},
		"alg is a number":          {problem.TokenAlgorithm, encode([]byte(`{"alg":1,"kid":"`+kid+`"}`)) + "." + parts[1] + "." + parts[2]},
		"alg unknown":              {problem.TokenAlgorithm, encode([]byte(`{"alg":"X","kid":"`+kid+`"}`)) + "." + parts[1] + "." + parts[2]},
		"alg none":                 {problem.TokenAlgorithm, forge{jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, kid, nil}.token(t)},
		"alg HS256, public key":    {problem.TokenAlgorithm, forge{jwt.SigningMethodHS256, []byte(publicKey(t, tokens.Key)), kid, nil}.token(t)},
		"alg RS256":                {problem.TokenAlgorithm, forge{jwt.SigningMethodRS256, rsaKey, kid, nil}.token(t)},
		"another key, our kid":     {problem.TokenSignature, forge{jwt.SigningMethodEdDSA, privateKey(t, theirs), kid, nil}.token(t)},
		"another key, its kid":     {problem.TokenKeyUnknown, forge{jwt.SigningMethodEdDSA, privateKey(t, theirs), theirs.ID(), nil}.token(t)},
		"our key, another kid":     {problem.TokenKeyUnknown, forge{jwt.SigningMethodEdDSA, ours, theirs.ID(), nil}.token(t)},
		"our key, no kid":          {problem.TokenKeyUnknown, forge{jwt.SigningMethodEdDSA, ours, nil, nil}.token(t)},
		"kid is a list":            {problem.TokenKeyUnknown, forge{jwt.SigningMethodEdDSA, ours, []string{kid}, nil}.token(t)},
		"other issuer":             {problem.TokenIssuer, changed(map[string]any{"iss": "https://evil.example"})},
		"no issuer":                {problem.TokenIssuer, changed(map[string]any{"iss": nil})},
		"other audience":           {problem.TokenAudience, changed(map[string]any{"aud": "manacore"})},
		"ticket's audience":        {problem.TokenAudience, changed(map[string]any{"aud": "dreamchat-stream"})},
		"both audiences":           {problem.TokenClaims, changed(map[string]any{"aud": []string{"dreamchat", "dreamchat-stream"}})},
		"no audience":              {problem.TokenAudience, changed(map[string]any{"aud": nil})},
		"no audiences":             {problem.TokenAudience, changed(map[string]any{"aud": []string{}})},
		"no subject":               {problem.TokenClaims, changed(map[string]any{"sub": nil})},
		"empty subject":            {problem.TokenClaims, changed(map[string]any{"sub": ""})},
		"subject is a number":      {problem.TokenClaims, changed(map[string]any{"sub": 7})},
		"no role":                  {problem.TokenClaims, changed(map[string]any{"role": nil})},
		"unknown role":             {problem.TokenClaims, changed(map[string]any{"role": "ROOT"})},
		"no id":                    {problem.TokenClaims, changed(map[string]any{"jti": nil})},
		"no expiry":                {problem.TokenClaims, changed(map[string]any{"exp": nil})},
		"expiry is a text":         {problem.TokenClaims, changed(map[string]any{"exp": "tomorrow"})},
		"no time of issue":         {problem.TokenClaims, changed(map[string]any{"iat": nil})},
		"issued in the future":     {problem.TokenNotYetValid, changed(map[string]any{"iat": ago(-30 * time.Second)})},
		"not good yet":             {problem.TokenNotYetValid, changed(map[string]any{"nbf": ago(-30 * time.Second)})},
		"expired, other audience":  {problem.TokenAudience, changed(map[string]any{"iat": ago(time.Hour), "exp": ago(time.Minute), "aud": "dreamchat-stream"})},
		"expired, other issuer":    {problem.TokenIssuer, changed(map[string]any{"iat": ago(time.Hour), "exp": ago(time.Minute), "iss": "https://evil.example"})},
		"expired, no subject":      {problem.TokenClaims, changed(map[string]any{"iat": ago(time.Hour), "exp": ago(time.Minute), "sub": nil})},
		"expired before its issue": {problem.TokenClaims, changed(map[string]any{"iat": ago(0), "exp": ago(time.Minute)})},
		"expired, another key": {problem.TokenSignature, forge{
			jwt.SigningMethodEdDSA, privateKey(t, theirs), kid,
			map[string]any{"iat": ago(time.Hour), "exp": ago(time.Minute)},
		}.token(t)},
	}
	for name, test := range forged {
		t.Run(name, func(t *testing.T) {
			caller, err := tokens.Verify(test.token)
			if !errors.Is(err, test.kind) || caller != (auth.Caller{}) {
				t.Errorf("Verify = %+v, %v, want %v", caller, err, test.kind)
			}
		})
	}
}

func TestExpiredTokenOfOursSaysSo(t *testing.T) {
	tokens := newTokens(t)
	token := forge{jwt.SigningMethodEdDSA, privateKey(t, tokens.Key), tokens.Key.ID(), map[string]any{
		"iat": time.Now().Add(-time.Hour).Unix(), "exp": time.Now().Add(-time.Minute).Unix(),
	}}.token(t)
	if _, err := tokens.Verify(token); !errors.Is(err, problem.TokenExpired) {
		t.Errorf("Verify: %v, want %v", err, problem.TokenExpired)
	}
}

func TestTokensWithoutIssuerAreNeverGood(t *testing.T) {
	tokens := newTokens(t)
	tokens.Issuer = ""
	token, _, err := tokens.Issue(auth.User{ID: "ann", Role: auth.RoleUser}, "session")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tokens.Verify(token); !errors.Is(err, problem.TokenIssuer) {
		t.Errorf("Verify: %v, want %v", err, problem.TokenIssuer)
	}
}
