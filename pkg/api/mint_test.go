package api_test

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"dreamchat/pkg/jwks/jwkstest"
)

// mint makes the tokens of one issuer, and those of whoever has got hold of a part
// of what it has.
type mint struct {
	t      *testing.T
	key    jwkstest.Key
	claims jwt.MapClaims
}

type members map[string]any

// with is a set of members after the changes; nil deletes.
func with(base, changes map[string]any) map[string]any {
	changed := maps.Clone(base)
	maps.Copy(changed, changes)
	maps.DeleteFunc(changed, func(_ string, value any) bool { return value == nil })
	return changed
}

func (m mint) header(changes members) string {
	return m.text(with(members{"alg": m.key.Method.Alg(), "typ": "JWT", "kid": m.key.ID}, changes))
}

func (m mint) payload(changes members) string { return m.text(with(m.claims, changes)) }

func (m mint) text(value any) string {
	m.t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		m.t.Fatal(err)
	}
	return string(text)
}

// seal signs whatever header and payload.
func (m mint) seal(method jwt.SigningMethod, key any, header, payload string) string {
	m.t.Helper()
	content := part(header) + "." + part(payload)
	signature, err := method.Sign(content, key)
	if err != nil {
		m.t.Fatal(err)
	}
	return content + "." + part(string(signature))
}

// own is a token that the issuer signed, with other claims or another header.
func (m mint) own(header, claims members) string {
	return m.seal(m.key.Method, m.key.Private, m.header(header), m.payload(claims))
}

// raw is a token that the issuer signed, with this payload.
func (m mint) raw(header members, payload string) string {
	return m.seal(m.key.Method, m.key.Private, m.header(header), payload)
}

// by is a token as the issuer makes them, signed with another key.
func (m mint) by(key jwkstest.Key, header, claims members) string {
	header = with(members{"alg": key.Method.Alg()}, header)
	return m.seal(key.Method, key.Private, m.header(header), m.payload(claims))
}

func part(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
