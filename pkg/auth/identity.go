package auth

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"
	"unicode"

	"dreamchat/pkg/problem"
)

const (
	// identityLife is how long it is believed which account is whose: one that was
	// deleted can be opened anew after that.
	identityLife = time.Minute
	// maxIdentities bounds how many accounts are remembered; up to twice as many
	// are for a while.
	maxIdentities = 10_000
	// maxName bounds a name or an address of another issuer, in bytes.
	maxName = 254
)

// IdentityStore keeps the accounts of those whom other issuers know. A database
// that is away is problem.Unavailable.
type IdentityStore interface {
	// Identify returns the account of the user's Issuer and Subject: the one that
	// is there, else user as it is. However many callers come at once, on any
	// instance, there is one account. What was told later than what the account
	// holds replaces its Email, Username and Role, which changed tells.
	Identify(ctx context.Context, user User, told time.Time) (found User, changed bool, err error)
}

// identity is whom an issuer knows.
type identity struct {
	issuer, subject string
}

// sighting is an account as it was found.
type sighting struct {
	user User
	// told is the newest of what was looked at.
	told time.Time
	at   time.Time
}

func (i *Issuers) identify(ctx context.Context, said User, told time.Time) (User, error) {
	by := identity{said.Issuer, said.Subject}
	seen, known := i.known.find(by)
	// A newer token is always looked at: what it says may be what was found here,
	// and yet be news to the account, which followed one of another instance.
	if known && time.Since(seen.at) < identityLife && !told.After(seen.told) {
		return seen.user, nil
	}
	user, changed, err := i.Store.Identify(ctx, said, told)
	if known && errors.Is(err, problem.Unavailable) {
		return seen.user, nil
	}
	if err != nil {
		return User{}, err
	}
	if changed {
		i.Standing.Changed(ctx, user.ID)
	}
	i.known.keep(by, sighting{user: user, told: told, at: time.Now()})
	return user, nil
}

// identities are those that came last. Once the young are too many they are old,
// and those who were old before and did not come again are forgotten.
type identities struct {
	mu         sync.Mutex
	young, old map[identity]sighting
}

func (m *identities) find(by identity) (sighting, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if seen, ok := m.young[by]; ok {
		return seen, true
	}
	seen, ok := m.old[by]
	return seen, ok
}

func (m *identities) keep(by identity, seen sighting) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.young == nil || len(m.young) >= maxIdentities {
		m.young, m.old = make(map[identity]sighting), m.young
	}
	m.young[by] = seen
}

// names are the address and the name by which others know the subject. Neither
// says who it is, so what cannot be shown is left out.
func (v verified) names() (email, username string) {
	email = strings.ToLower(shown(v.text("email")))
	local, _, _ := strings.Cut(email, "@")
	for _, name := range []string{v.text("preferred_username"), v.text("name"), local} {
		if username = shown(name); username != "" {
			return email, username
		}
	}
	return email, v.subject
}

// shown is a text of one line that is not too long, else nothing.
func shown(text string) string {
	text = strings.TrimSpace(text)
	if len(text) > maxName || strings.ContainsFunc(text, unicode.IsControl) {
		return ""
	}
	return text
}
