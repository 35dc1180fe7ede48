package auth

import (
	"fmt"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"dreamchat/pkg/id"
	"dreamchat/pkg/problem"
)

// How long tokens are good for.
const (
	AccessLifetime = 15 * time.Minute
	TicketLifetime = 2 * time.Minute
)

// The audiences keep apart what a token is good for: neither an access token
// nor a ticket passes as the other.
const (
	accessAudience = "dreamchat"
	ticketAudience = "dreamchat-stream"
)

const (
	// leeway is how far the clocks of two instances may differ.
	leeway = 5 * time.Second
	// maxToken bounds what is looked at, in bytes; ours take about 500.
	maxToken = 8 << 10
)

// Tokens makes and checks signed tokens (JWT, RFC 7519, with EdDSA, RFC 8037).
// It is safe for concurrent use and its fields must not change after the
// first call.
type Tokens struct {
	Key *Key
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

// Verify tells whom an access token speaks for. A token that was good once is
// problem.TokenExpired; anything else that is not good is
// problem.Unauthenticated.
func (t *Tokens) Verify(token string) (Caller, error) {
	return t.verify(token, accessAudience)
}

// IssueTicket makes a ticket for the caller: a token for the query of a
// stream's address, where a browser's EventSource cannot set a header. It is
// good for expiresIn seconds, any number of times, since EventSource repeats
// the address when it reconnects.
func (t *Tokens) IssueTicket(caller Caller) (ticket string, expiresIn int, err error) {
	ticket, _, err = t.sign(caller, ticketAudience, TicketLifetime)
	return ticket, int(TicketLifetime / time.Second), err
}

// VerifyTicket is Verify for tickets.
func (t *Tokens) VerifyTicket(ticket string) (Caller, error) {
	return t.verify(ticket, ticketAudience)
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
	token.Header["kid"] = t.Key.ID()
	signed, err := token.SignedString(t.Key.private)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("auth: sign a token: %w", err)
	}
	return signed, expires, nil
}

// now is the time as it is stored: UTC with microseconds.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

func unauthenticated(cause error) error {
	return problem.Unauthenticated.Because(cause, "The access token is not valid.")
}
