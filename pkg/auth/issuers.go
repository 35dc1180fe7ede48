package auth

import (
	"context"
	"slices"
	"time"

	"dreamchat/pkg/id"
)

// Issuer is somebody else whose access tokens are good here.
type Issuer struct {
	// Name is the "iss" of its tokens, to the letter: its address, as a rule.
	Name string
	// Audiences are what its tokens may be for; one of them is enough.
	Audiences []string
	// AdminRoles are the values of the claim "role" that make an administrator;
	// with any other, or none, its users are users.
	AdminRoles []string
	Keys       Keys
}

// Keys are the public keys of an issuer. They are safe for concurrent use.
type Keys interface {
	// Key finds a key by its name. It is problem.TokenKeyUnknown if the issuer has
	// none of that name, and problem.Unavailable while nobody knows what it has.
	Key(ctx context.Context, id string) (VerificationKey, error)
}

// Issuers are all whose access tokens are good: we ourselves, and others who know
// people of their own. Fill the fields; Verify is safe for concurrent use.
type Issuers struct {
	Tokens   *Tokens
	Others   []Issuer
	Store    IdentityStore
	Standing *Standing

	known identities
}

// Verify tells whom an access token speaks for. Its "iss" alone decides by whose
// keys and rules it is checked. Whoever comes with a token of another issuer for
// the first time gets an account by that. The kinds are those of [Tokens.Verify],
// and problem.Unavailable while the database is away, or while no keys of the
// token's issuer could be fetched yet.
func (i *Issuers) Verify(ctx context.Context, token string) (Caller, error) {
	var other *Issuer
	good, err := verify(token, func(name string) (rules, bool) {
		if i.Tokens.isOurs(name) {
			return i.Tokens.rules(ctx, accessAudience), true
		}
		if other = i.other(name); other == nil {
			return rules{}, false
		}
		return other.rules(ctx), true
	})
	if err != nil {
		return Caller{}, err
	}
	if other == nil {
		return callerOf(good), nil
	}
	user, err := i.identify(ctx, other.user(good), told(good))
	if err != nil {
		return Caller{}, err
	}
	return Caller{UserID: user.ID, Role: user.Role, ExpiresAt: good.expires}, nil
}

func (i *Issuers) other(name string) *Issuer {
	at := slices.IndexFunc(i.Others, func(one Issuer) bool { return one.Name == name })
	if at < 0 {
		return nil
	}
	return &i.Others[at]
}

func (o *Issuer) rules(ctx context.Context) rules {
	return rules{
		key:       func(keyID string) (VerificationKey, error) { return o.Keys.Key(ctx, keyID) },
		audiences: o.Audiences,
		claims:    func(*body) error { return nil },
	}
}

// user is the account of whom a token speaks for, if there is none yet.
func (o *Issuer) user(good verified) User {
	created := now()
	user := User{
		ID:        id.New(),
		Issuer:    o.Name,
		Subject:   good.subject,
		Role:      RoleUser,
		CreatedAt: created,
		UpdatedAt: created,
	}
	if slices.Contains(o.AdminRoles, good.text("role")) {
		user.Role = RoleAdmin
	}
	user.Email, user.Username = good.names()
	return user
}

// told is when the issuer said what a token says. By their ends, tokens can be put
// in order as well.
func told(good verified) time.Time {
	issued, err := good.moment("iat")
	if err != nil || issued.IsZero() {
		return good.expires
	}
	return issued
}
