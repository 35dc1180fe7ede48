package auth

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"dreamchat/pkg/id"
)

// AccessLifetime is how long an access token is good for.
const AccessLifetime = 15 * time.Minute

// The audiences keep apart what a token is good for: neither an access token
// nor a ticket passes as the other.
const (
	accessAudience = "dreamchat"
	ticketAudience = "dreamchat-stream"
)

// Tokens makes and checks signed tokens (JWT, RFC 7519, with EdDSA, RFC 8037).
// It is safe for concurrent use and its fields must not change after the
// first call.
type Tokens struct {
	Keys *SigningKeys
	// Issuer is the "iss" of every token: the address of this installation.
	// Every instance needs the same one. It must not be empty.
	Issuer string
}

// Caller is who a token or an API key speaks for.
type Caller struct {
	UserID string
	Role   Role
	// SessionID names the login that the token comes of; empty for none of ours.
	SessionID string
	// ExpiresAt is when the token or key stops being good.
	ExpiresAt time.Time
	// Key is the API key, nil with a token.
	Key *APIKey
}

// May tells whether the caller may do what needs this scope: with a token
// anything, with an API key what its scopes hold.
func (c Caller) May(scope Scope) bool {
	return c.Key == nil || slices.Contains(c.Key.Scopes, scope)
}

// Issue makes an access token for a session of a user; it is good until expires.
func (t *Tokens) Issue(user User, sessionID string) (token string, expires time.Time, err error) {
	caller := Caller{UserID: user.ID, Role: user.Role, SessionID: sessionID}
	return t.sign(caller, accessAudience, AccessLifetime)
}

// Verify tells whom an access token of ours speaks for. One that was good once is
// problem.TokenExpired; what else is wrong with a token has kinds of its own, from
// problem.TokenMalformed on. While nobody can tell whether there is the key that it
// names, it is problem.Unavailable.
func (t *Tokens) Verify(ctx context.Context, token string) (Caller, error) {
	good, err := t.verify(ctx, token, accessAudience)
	if err != nil {
		return Caller{}, err
	}
	return callerOf(good), nil
}

func (t *Tokens) sign(caller Caller, audience string, lifetime time.Duration) (string, time.Time, error) {
	issued := now().Truncate(time.Second) // what a NumericDate holds
	expires := issued.Add(lifetime)
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, &claims{
		Role:      caller.Role,
		SessionID: caller.SessionID,
		RegisteredClaims: jwt.RegisteredClaims{
			ID:        id.New(),
			Issuer:    t.Issuer,
			Subject:   caller.UserID,
			Audience:  jwt.ClaimStrings{audience},
			IssuedAt:  jwt.NewNumericDate(issued),
			ExpiresAt: jwt.NewNumericDate(expires),
		},
	})
	key := t.Keys.signer()
	token.Header["kid"] = key.id
	signed, err := token.SignedString(key.private)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("auth: sign a token: %w", err)
	}
	return signed, expires, nil
}

// now is the time as it is stored: UTC with microseconds.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

func (t *Tokens) verify(ctx context.Context, token string, audiences ...string) (verified, error) {
	return verify(token, func(issuer string) (rules, bool) { return t.rules(ctx, audiences...), t.isOurs(issuer) })
}

func (t *Tokens) isOurs(issuer string) bool { return t.Issuer != "" && issuer == t.Issuer }

// rules are what is asked of our own tokens for one of these.
func (t *Tokens) rules(ctx context.Context, audiences ...string) rules {
	return rules{
		key:       func(keyID string) (VerificationKey, error) { return t.Keys.Key(ctx, keyID) },
		audiences: audiences,
		claims:    checkOurs,
	}
}

// checkOurs holds a token to how we make them.
func checkOurs(said *body) error {
	switch role := Role(said.text("role")); {
	case len(said.audiences()) != 1:
		return wrongClaims("aud")
	case role != RoleUser && role != RoleAdmin:
		return wrongClaims("role")
	case said.text("jti") == "":
		return wrongClaims("jti")
	case said.members["iat"] == nil:
		return wrongClaims("iat")
	}
	return nil
}

// callerOf is whom a token of ours speaks for.
func callerOf(good verified) Caller {
	return Caller{
		UserID:    good.subject,
		Role:      Role(good.text("role")),
		SessionID: good.text("sid"),
		ExpiresAt: good.expires,
	}
}
