package api_test

import (
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/auth"
	"dreamchat/pkg/jwks/jwkstest"
	"dreamchat/pkg/problem"
)

func TestForgedTokensLetNobodyIn(t *testing.T) {
	t.Parallel()
	signing := apitest.Key(t)
	key := jwkstest.Ed25519(t, "key-1")
	older := jwkstest.RSA(t, "older", 2048)
	issuer := jwkstest.New(t, key, older)
	s := apitest.Start(t, apitest.Options{Key: signing, Issuers: []auth.Issuer{trusted(t, issuer)}})
	ann := s.User().Session.User.ID
	local := mint{t: t, key: jwkstest.Key{ID: signing.ID(), Method: jwt.SigningMethodEdDSA, Private: secretOf(t, signing)}, claims: jwt.MapClaims{
		"iss": "test", "aud": "dreamchat", "sub": ann, "role": "USER", "jti": "1",
		"iat": time.Now().Unix(), "exp": time.Now().Add(15 * time.Minute).Unix(),
	}}
	external := mint{t: t, key: key, claims: issuer.Claims("annabella", nil)}
	var fetched atomic.Int64
	evil := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { fetched.Add(1) }))
	t.Cleanup(evil.Close)

	tables := map[string][]forgery{
		"local":    append(local.forgeries(external, evil.URL), local.ours()...),
		"external": append(external.forgeries(local, evil.URL), forgery{"EdDSA for an RSA key", external.own(members{"kid": older.ID}, nil), problem.TokenAlgorithm}),
	}
	for name, origin := range map[string]mint{"local": local, "external": external} {
		t.Run(name, func(t *testing.T) {
			bearer(t, s, origin.own(nil, nil)).Get("/api/v1/models").Status(http.StatusOK)
			for _, test := range tables[name] {
				t.Run(test.name, func(t *testing.T) { refused(t, s, test, ann) })
			}
			if count := len(tables[name]); count < 100 {
				t.Errorf("%d forgeries", count)
			}
		})
	}
	if calls := issuer.Calls(); calls > 2 {
		t.Errorf("%d calls, want the first one and one for all keys that are not known", calls)
	}
	if count := fetched.Load(); count != 0 {
		t.Errorf("the address of a token was asked %d times", count)
	}
}

// refused fails the test unless the forgery is refused with its code, and nothing
// more than that is told.
func refused(t *testing.T, s *apitest.Service, test forgery, ann string) {
	t.Helper()
	reply := bearer(t, s, test.token).Get("/api/v1/models")
	document := reply.Problem(test.kind)
	want := `Bearer realm="dreamchat", error="invalid_token", error_description="` + test.kind.Code() + `"`
	if got := reply.Header.Get("WWW-Authenticate"); got != want {
		t.Errorf("WWW-Authenticate is %q, want %q", got, want)
	}
	for _, told := range []string{ann, "annabella", "mallory", "evil", "key-1"} {
		if strings.Contains(string(reply.Bytes), told) {
			t.Errorf("%s tells %q", reply.Bytes, told)
		}
	}
	if len(document.Details) > 0 {
		t.Errorf("the caller is told %v", document.Details)
	}
}

func secretOf(t *testing.T, key *auth.Key) crypto.Signer {
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
	return private.(crypto.Signer)
}
