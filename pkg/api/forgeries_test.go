package api_test

import (
	"bytes"
	"compress/flate"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"dreamchat/pkg/jwks/jwkstest"
	"dreamchat/pkg/problem"
)

// forgery is a token that must not let anybody in.
type forgery struct {
	name  string
	token string
	kind  problem.Kind
}

// forgeries are made of a good token of the issuer, of what everybody knows of it,
// and of what another issuer has whose tokens are good as well. evil is an address
// at which nobody must ever be asked.
func (m mint) forgeries(other mint, evil string) []forgery {
	all := m.misshapen()
	all = append(all, m.algorithms()...)
	all = append(all, m.keys(other, evil)...)
	all = append(all, m.signatures(other)...)
	all = append(all, m.issuers(other)...)
	all = append(all, m.audiences()...)
	all = append(all, m.subjects()...)
	return append(all, m.times()...)
}

func (m mint) misshapen() []forgery {
	good := m.own(nil, nil)
	parts := strings.Split(good, ".")
	nested := m.raw(members{"cty": "JWT"}, good)
	var small bytes.Buffer
	writer, _ := flate.NewWriter(&small, flate.BestCompression) // the level is one
	_, _ = writer.Write([]byte(m.payload(nil)))
	_ = writer.Close()
	twice := strings.TrimSuffix(m.payload(nil), "}")
	return []forgery{
		{"opaque session token", "sess_3kTMd81zq0wU7hN2", problem.TokenMalformed},
		{"dots", "..", problem.TokenMalformed},
		{"one part", parts[0], problem.TokenMalformed},
		{"two parts", parts[0] + "." + parts[1], problem.TokenMalformed},
		{"a part more", good + "." + parts[2], problem.TokenMalformed},
		{"a dot more", good + ".", problem.TokenMalformed},
		{"five parts, as of an encrypted one", good + ".AAAA.AAAA", problem.TokenMalformed},
		{"padding", good + "==", problem.TokenMalformed},
		{"padding of the header", parts[0] + "=." + parts[1] + "." + parts[2], problem.TokenMalformed},
		{"alphabet", good[:len(good)-1] + "+", problem.TokenMalformed},
		{"bits that count for nothing", good[:len(good)-1] + string(good[len(good)-1]+1), problem.TokenMalformed},
		{"huge", m.own(nil, members{"more": strings.Repeat("x", 9000)}), problem.TokenMalformed},
		{"header is a list", part("[]") + "." + parts[1] + "." + parts[2], problem.TokenMalformed},
		{"header is no JSON", part("{") + "." + parts[1] + "." + parts[2], problem.TokenMalformed},
		{"claims are a list", m.raw(nil, "[]"), problem.TokenMalformed},
		{"claims are a text", m.raw(nil, `"sub"`), problem.TokenMalformed},
		{"claims are null", m.raw(nil, "null"), problem.TokenIssuer},
		{"claims go on", m.raw(nil, m.payload(nil)+"{}"), problem.TokenMalformed},
		{"claim twice", m.raw(nil, twice+`,"sub":"somebody else"}`), problem.TokenMalformed},
		{"claim twice, once escaped", m.raw(nil, twice+`,"\u0073ub":"somebody else"}`), problem.TokenMalformed},
		{"claim twice, the same", m.raw(nil, twice+`,"aud":`+m.text(m.claims["aud"])+`}`), problem.TokenMalformed},
		{"nested", nested, problem.TokenMalformed},
		{"deflated", m.raw(members{"zip": "DEF"}, small.String()), problem.TokenMalformed},
		{"zip put in", part(m.header(members{"zip": "DEF"})) + "." + parts[1] + "." + parts[2], problem.TokenSignature},
	}
}

func (m mint) algorithms() []forgery {
	public := m.key.Private.Public()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		m.t.Fatal(err)
	}
	hmac := func(secret []byte) string {
		return m.seal(jwt.SigningMethodHS256, secret, m.header(members{"alg": "HS256"}), m.payload(nil))
	}
	raw, _ := public.(ed25519.PublicKey) // both issuers have such a key
	unsigned := func(algorithm string) string {
		return part(m.header(members{"alg": algorithm})) + "." + part(m.payload(nil)) + "."
	}
	foreign := jwkstest.RSA(m.t, m.key.ID, 2048)
	signed := m.own(nil, nil)
	signature := signed[strings.LastIndexByte(signed, '.')+1:]
	return []forgery{
		{"alg none", unsigned("none"), problem.TokenAlgorithm},
		{"alg None", unsigned("None"), problem.TokenAlgorithm},
		{"alg NONE with a signature", unsigned("NONE") + signature, problem.TokenAlgorithm},
		{"alg HS256 with the public key", hmac(raw), problem.TokenAlgorithm},
		{"alg HS256 with the public key as PEM", hmac(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), problem.TokenAlgorithm},
		{"alg HS256 with the public key as DER", hmac(der), problem.TokenAlgorithm},
		{"alg HS256 with nothing", hmac(nil), problem.TokenAlgorithm},
		{"alg ES256", unsigned("ES256") + signature, problem.TokenAlgorithm},
		{"alg unknown", unsigned("X") + signature, problem.TokenAlgorithm},
		{"alg eddsa", unsigned("eddsa") + signature, problem.TokenAlgorithm},
		{"alg is a number", m.own(members{"alg": 1}, nil), problem.TokenAlgorithm},
		{"alg is a list", m.own(members{"alg": []string{"EdDSA"}}, nil), problem.TokenAlgorithm},
		{"no alg", m.own(members{"alg": nil}, nil), problem.TokenAlgorithm},
		{"RS256 for an Ed25519 key", m.by(foreign, nil, nil), problem.TokenAlgorithm},
		{"PS256", m.seal(jwt.SigningMethodPS256, foreign.Private, m.header(members{"alg": "PS256"}), m.payload(nil)), problem.TokenAlgorithm},
		{"crit", m.own(members{"crit": []string{"exp"}}, nil), problem.TokenAlgorithm},
		{"crit of an unknown header", m.own(members{"crit": []string{"x"}, "x": true}, nil), problem.TokenAlgorithm},
		{"crit without encoding", m.own(members{"crit": []string{"b64"}, "b64": false}, nil), problem.TokenAlgorithm},
	}
}

func (m mint) keys(other mint, evil string) []forgery {
	mallory := jwkstest.Ed25519(m.t, "mallory")
	named := func(kid any) string { return m.own(members{"kid": kid}, nil) }
	embedded := members{"jwk": mallory.JWK}
	return []forgery{
		{"no kid", named(nil), problem.TokenKeyUnknown},
		{"kid empty", named(""), problem.TokenKeyUnknown},
		{"kid is a list", named([]string{m.key.ID}), problem.TokenKeyUnknown},
		{"kid is an object", named(members{"kid": m.key.ID}), problem.TokenKeyUnknown},
		{"kid is a number", named(0), problem.TokenKeyUnknown},
		{"kid is a path", named("../../../../dev/null"), problem.TokenKeyUnknown},
		{"kid is an address", named(evil + "/key"), problem.TokenKeyUnknown},
		{"kid is SQL", named("' OR '1'='1' --"), problem.TokenKeyUnknown},
		{"kid with NUL", named(m.key.ID + "\x00"), problem.TokenKeyUnknown},
		{"kid in other case", named(strings.ToUpper(m.key.ID) + "X"), problem.TokenKeyUnknown},
		{"kid very long", named(strings.Repeat("k", 5000)), problem.TokenKeyUnknown},
		{"kid of another issuer", named(other.key.ID), problem.TokenKeyUnknown},
		{"key embedded", m.by(mallory, with(embedded, members{"kid": mallory.ID}), nil), problem.TokenKeyUnknown},
		{"key embedded, our kid", m.by(mallory, embedded, nil), problem.TokenSignature},
		{"jku", m.by(mallory, members{"kid": mallory.ID, "jku": evil}, nil), problem.TokenKeyUnknown},
		{"jku, our kid", m.by(mallory, members{"jku": evil}, nil), problem.TokenSignature},
		{"x5u", m.by(mallory, members{"kid": mallory.ID, "x5u": evil}, nil), problem.TokenKeyUnknown},
		{"x5c, our kid", m.by(mallory, members{"x5c": []string{"MIIB"}}, nil), problem.TokenSignature},
	}
}

func (m mint) signatures(other mint) []forgery {
	good, second := strings.Split(m.own(nil, nil), "."), strings.Split(m.own(nil, members{"sub": "mallory", "jti": "2"}), ".")
	mallory := jwkstest.Ed25519(m.t, m.key.ID)
	hourAgo := members{"iat": time.Now().Add(-time.Hour).Unix(), "exp": time.Now().Add(-time.Minute).Unix()}
	return []forgery{
		{"signature of another token", good[0] + "." + good[1] + "." + second[2], problem.TokenSignature},
		{"claims of another token", good[0] + "." + second[1] + "." + good[2], problem.TokenSignature},
		{"claims made up", good[0] + "." + part(m.payload(members{"role": "ADMIN"})) + "." + good[2], problem.TokenSignature},
		{"header made up", part(m.header(members{"x": 1})) + "." + good[1] + "." + good[2], problem.TokenSignature},
		{"no signature", good[0] + "." + good[1] + ".", problem.TokenSignature},
		{"signature of zeros", good[0] + "." + good[1] + "." + part(strings.Repeat("\x00", 64)), problem.TokenSignature},
		{"signature cut short", good[0] + "." + good[1] + "." + good[2][:80], problem.TokenSignature},
		{"signature too long", good[0] + "." + good[1] + "." + good[2][:84] + good[2], problem.TokenSignature},
		{"another key, our kid", m.by(mallory, nil, nil), problem.TokenSignature},
		{"another issuer's key, our kid", m.by(other.key, nil, nil), problem.TokenSignature},
		{"another issuer's key and kid", m.by(other.key, members{"kid": other.key.ID}, nil), problem.TokenKeyUnknown},
		{"another key, expired", m.by(mallory, nil, hourAgo), problem.TokenSignature},
		{"another key, claims of no use", m.by(mallory, nil, members{"sub": nil, "aud": "x"}), problem.TokenSignature},
	}
}

func (m mint) issuers(other mint) []forgery {
	name := m.claims["iss"].(string)
	said := func(issuer any) string { return m.own(nil, members{"iss": issuer}) }
	return []forgery{
		{"no issuer", said(nil), problem.TokenIssuer},
		{"issuer empty", said(""), problem.TokenIssuer},
		{"issuer is a list", said([]string{name}), problem.TokenIssuer},
		{"issuer of others", said("https://evil.example"), problem.TokenIssuer},
		{"issuer with a slash", said(name + "/"), problem.TokenIssuer},
		{"issuer in other case", said(strings.ToUpper(name)), problem.TokenIssuer},
		{"issuer begins so", said(name + ".evil.example"), problem.TokenIssuer},
		{"issuer with a space", said(" " + name), problem.TokenIssuer},
		{"another issuer, our key", said(other.claims["iss"]), problem.TokenKeyUnknown},
		{"another issuer's name and kid, our key", m.own(members{"kid": other.key.ID}, members{"iss": other.claims["iss"]}), problem.TokenSignature},
		{"another issuer's claims, our name", m.own(nil, with(other.claims, members{"iss": name})), problem.TokenAudience},
	}
}

func (m mint) audiences() []forgery {
	said := func(audience any) string { return m.own(nil, members{"aud": audience}) }
	expired := members{"iat": time.Now().Add(-time.Hour).Unix(), "exp": time.Now().Add(-time.Minute).Unix(), "aud": "other"}
	return []forgery{
		{"no audience", said(nil), problem.TokenAudience},
		{"audience of others", said("other"), problem.TokenAudience},
		{"audiences of others", said([]string{"other", "dream", "man"}), problem.TokenAudience},
		{"no audiences", said([]string{}), problem.TokenAudience},
		{"audience is a number", said(1), problem.TokenAudience},
		{"audiences are not all texts", said([]any{m.claims["aud"], 1}), problem.TokenAudience},
		{"audience in other case", said(strings.ToUpper(m.claims["aud"].(string))), problem.TokenAudience},
		{"audience is an object", said(members{"mana": true}), problem.TokenAudience},
		{"audience of tickets", said("dreamchat-stream"), problem.TokenAudience},
		{"audience of others, expired", m.own(nil, expired), problem.TokenAudience},
	}
}

func (m mint) subjects() []forgery {
	said := func(subject any) string { return m.own(nil, members{"sub": subject}) }
	broken := func(subject string) string {
		return m.raw(nil, strings.TrimSuffix(m.payload(members{"sub": nil}), "}")+`,"sub":"`+subject+`"}`)
	}
	return []forgery{
		{"no subject", said(nil), problem.TokenClaims},
		{"subject empty", said(""), problem.TokenClaims},
		{"subject is a number", said(7), problem.TokenClaims},
		{"subject is a list", said([]string{"ann"}), problem.TokenClaims},
		{"subject with NUL", said("ann\x00"), problem.TokenClaims},
		{"subject too long", said(strings.Repeat("s", 256)), problem.TokenClaims},
		{"subject is no UTF-8", broken("ann\xff"), problem.TokenClaims},
		{"subject has half a character", broken(`ann\ud800`), problem.TokenClaims},
		{"subject in other case", m.own(nil, members{"sub": nil, "Sub": "ann", "SUB": "ann"}), problem.TokenClaims},
	}
}

func (m mint) times() []forgery {
	at := func(ahead time.Duration) int64 { return time.Now().Add(ahead).Unix() }
	said := func(claims members) string { return m.own(nil, claims) }
	return []forgery{
		{"not yet", said(members{"nbf": at(time.Minute)}), problem.TokenNotYetValid},
		{"issued in the future", said(members{"iat": at(time.Minute)}), problem.TokenNotYetValid},
		{"nbf is a text", said(members{"nbf": "0"}), problem.TokenClaims},
		{"iat is a text", said(members{"iat": "0"}), problem.TokenClaims},
		{"no expiry", said(members{"exp": nil}), problem.TokenClaims},
		{"expiry is a text", said(members{"exp": "99999999999"}), problem.TokenClaims},
		{"expiry is a list", said(members{"exp": []int64{at(time.Minute)}}), problem.TokenClaims},
		{"expiry is huge", said(members{"exp": 1e300}), problem.TokenClaims},
		{"expiry wraps around", said(members{"exp": 1 << 62}), problem.TokenClaims},
		{"expiry is negative", said(members{"exp": -1}), problem.TokenClaims},
		{"expiry is nothing", said(members{"exp": 0}), problem.TokenClaims},
		{"expiry before its issue", said(members{"exp": at(-time.Minute)}), problem.TokenClaims},
		{"expired", said(members{"iat": at(-time.Hour), "exp": at(-time.Minute)}), problem.TokenExpired},
		{"expired in between", said(members{"iat": at(-time.Hour), "exp": float64(at(-time.Minute)) + 0.5}), problem.TokenExpired},
		{"expired, subject missing", said(members{"iat": at(-time.Hour), "exp": at(-time.Minute), "sub": nil}), problem.TokenClaims},
	}
}

// ours are claims that our own tokens have, and others need not.
func (m mint) ours() []forgery {
	said := func(claims members) string { return m.own(nil, claims) }
	return []forgery{
		{"no role", said(members{"role": nil}), problem.TokenClaims},
		{"role of another issuer", said(members{"role": "admin"}), problem.TokenClaims},
		{"role unknown", said(members{"role": "ROOT"}), problem.TokenClaims},
		{"role in other case", said(members{"role": nil, "Role": "ADMIN"}), problem.TokenClaims},
		{"no id", said(members{"jti": nil}), problem.TokenClaims},
		{"no time of issue", said(members{"iat": nil}), problem.TokenClaims},
		{"audiences, ours among them", said(members{"aud": []string{"dreamchat", "other"}}), problem.TokenClaims},
	}
}
