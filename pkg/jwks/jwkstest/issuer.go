// Package jwkstest plays an issuer of tokens over real HTTP: it publishes keys and
// signs tokens with them, and with whatever else a test wants.
package jwkstest

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Path is where the keys are, below the issuer's URL; they are at the well-known
// path as well.
const Path = "/api/v1/auth/jwks"

// Issuer is an issuer of tokens. It is safe for concurrent use.
type Issuer struct {
	// URL is the "iss" of its tokens.
	URL string

	calls atomic.Int64
	mu    sync.Mutex
	keys  []Key
	reply http.HandlerFunc
}

// New starts an issuer that publishes these keys, until the end of the test.
func New(tb testing.TB, keys ...Key) *Issuer {
	tb.Helper()
	i := &Issuer{keys: keys}
	server := httptest.NewServer(i)
	tb.Cleanup(server.Close)
	i.URL = server.URL
	return i
}

// ServeHTTP implements http.Handler.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != Path && r.URL.Path != "/.well-known/jwks.json" {
		http.NotFound(w, r)
		return
	}
	i.calls.Add(1)
	i.mu.Lock()
	keys, reply := i.keys, i.reply
	i.mu.Unlock()
	if reply != nil {
		reply(w, r)
		return
	}
	_, _ = w.Write(Document(keys...)) // the client has gone
}

// Publish replaces the keys.
func (i *Issuer) Publish(keys ...Key) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = keys
}

// Reply has the issuer answer otherwise than with its keys; nil is as before.
func (i *Issuer) Reply(reply http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.reply = reply
}

// Calls is how often the keys were asked for.
func (i *Issuer) Calls() int { return int(i.calls.Load()) }

// Claims are those of a good token for a subject, after the changes; nil deletes.
func (i *Issuer) Claims(subject string, changes map[string]any) jwt.MapClaims {
	claims := jwt.MapClaims{
		"iss": i.URL, "aud": "mana", "sub": subject, "role": "user", "email": subject + "@example.com", "sid": "elsewhere",
		"iat": time.Now().Unix(), "exp": time.Now().Add(15 * time.Minute).Unix(),
	}
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	return claims
}

// Token is a good token for a subject, after the changes, signed with a key.
func (i *Issuer) Token(tb testing.TB, key Key, subject string, changes map[string]any) string {
	tb.Helper()
	return key.Sign(tb, i.Claims(subject, changes))
}

// Document is the JWK Set of keys.
func Document(keys ...Key) []byte {
	set := map[string]any{"keys": []any{}}
	for _, key := range keys {
		set["keys"] = append(set["keys"].([]any), key.JWK)
	}
	text, _ := json.Marshal(set) // texts never fail
	return text
}
