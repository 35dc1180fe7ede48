package auth

import (
	"errors"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"dreamchat/pkg/problem"
)

// claims is the body of every token.
type claims struct {
	Role Role `json:"role"`
	// SessionID is empty in what was made before sessions had ids.
	SessionID string `json:"sid,omitempty"`
	jwt.RegisteredClaims
}

var (
	errUnknownKey = errors.New("auth: signed with another key")
	errTooLong    = errors.New("auth: the token is too long")
	errClaims     = errors.New("auth: a claim is missing or not one of ours")
)

// Validate is what the parser calls beside its own checks, which ask for less:
// they take a token for several audiences, and any issuer if ours has no name.
func (c *claims) Validate() error {
	role := c.Role == RoleUser || c.Role == RoleAdmin
	named := c.Issuer != "" && c.Subject != "" && c.ID != ""
	if !role || !named || c.IssuedAt == nil || len(c.Audience) != 1 {
		return errClaims
	}
	return nil
}

func (t *Tokens) verify(token, audience string) (Caller, error) {
	if len(token) > maxToken {
		return Caller{}, unauthenticated(errTooLong)
	}
	var body claims
	_, err := jwt.ParseWithClaims(token, &body, t.keyFor, t.rules(audience)...)
	if errors.Is(err, jwt.ErrTokenExpired) && t.wasGood(&body, audience) {
		return Caller{}, problem.TokenExpired.Because(err, "The access token has expired.")
	}
	if err != nil {
		return Caller{}, unauthenticated(err)
	}
	return Caller{UserID: body.Subject, Role: body.Role, SessionID: body.SessionID, ExpiresAt: body.ExpiresAt.UTC()}, nil
}

func (t *Tokens) rules(audience string) []jwt.ParserOption {
	return []jwt.ParserOption{
		jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}),
		jwt.WithIssuer(t.Issuer),
		jwt.WithAudience(audience),
		jwt.WithIssuedAt(),
		jwt.WithExpirationRequired(),
		jwt.WithLeeway(leeway),
		jwt.WithStrictDecoding(),
	}
}

func (t *Tokens) keyFor(token *jwt.Token) (any, error) {
	if token.Header["kid"] != t.Key.ID() {
		return nil, errUnknownKey
	}
	return t.Key.public(), nil
}

// wasGood tells whether an expired token with our signature breaks no other
// rule: the parser reports all of them together.
func (t *Tokens) wasGood(body *claims, audience string) bool {
	if body.Validate() != nil {
		return false
	}
	then := func() time.Time { return body.IssuedAt.Time }
	rules := append(t.rules(audience), jwt.WithTimeFunc(then))
	return jwt.NewValidator(rules...).Validate(body) == nil
}
