package auth

import (
	"context"
	"strings"

	"dreamchat/pkg/problem"
)

// What guesses count as.
const (
	scopeAccount = "login_account"
	scopeGuesser = "login_address"
)

// Guesses bounds how often secrets can be guessed: those of one account by
// anybody, and those of any account from one address. It is safe for concurrent
// use. The zero value bounds nothing.
type Guesses struct {
	Counter          Counter // may be nil if there are no limits
	Account, Address Rate
}

// Try counts a guess before it is checked, so that guesses that come at the same
// time cannot exceed a limit. One too many is problem.TooMany and is not to be
// checked. The account is its id, or the name of one that does not exist, which
// counts alike; it is empty for a guess at no account of its own. Empty too is an
// address that nobody knows. The caller ends the try: a guess that was not wrong is
// given back.
func (g *Guesses) Try(ctx context.Context, account, address string) (end func(wrong bool), err error) {
	counts := g.counts(account, address)
	if len(counts) == 0 {
		return func(bool) {}, nil
	}
	if err := g.take(ctx, counts); err != nil {
		return nil, err
	}
	return func(wrong bool) {
		if !wrong {
			g.Counter.Give(ctx, counts...)
		}
	}, nil
}

// Failed counts a wrong guess of what is too long to be guessed, after it was
// checked. It returns what was wrong, or problem.TooMany.
func (g *Guesses) Failed(ctx context.Context, address string, wrong error) error {
	counts := g.counts("", address)
	if len(counts) == 0 {
		return wrong
	}
	if refused := g.take(ctx, counts); refused != nil {
		return refused
	}
	return wrong
}

func (g *Guesses) counts(account, address string) []Count {
	var counts []Count
	if account != "" && g.Account.Quota > 0 {
		counts = append(counts, Count{Scope: scopeAccount, Of: account, Rate: g.Account})
	}
	if address != "" && g.Address.Quota > 0 {
		counts = append(counts, Count{Scope: scopeGuesser, Of: Network(address), Rate: g.Address})
	}
	return counts
}

func (g *Guesses) take(ctx context.Context, counts []Count) error {
	tallies, ok := g.Counter.Take(ctx, counts...)
	if ok {
		return nil
	}
	// Those of an account and of an address are told alike: nobody is to learn who
	// else guesses.
	longest := Longest(tallies)
	return problem.TooMany.New("Too many wrong logins. Wait before you try again.").
		With("scope", "logins").With("limit", longest.Quota).After(longest.Wait)
}

// guessed is what guesses at a login count by. Names of accounts that do not exist
// never collide with ids.
func guessed(user User, login string) string {
	if user.ID != "" {
		return user.ID
	}
	return "name:" + strings.ToLower(login)
}
