package auth

import (
	"context"
	"time"

	"dreamchat/pkg/problem"
)

// TicketLifetime is how long a stream ticket is good for.
const TicketLifetime = 2 * time.Minute

// Claims remember who came first, for every instance.
type Claims interface {
	// Claim keeps the value under the key for so long, unless one stands there
	// already, and returns the one that stands. Of several at once one wins.
	Claim(ctx context.Context, key string, value []byte, ttl time.Duration) ([]byte, error)
}

// Tickets makes and checks stream tickets: tokens for the query of a stream's
// address, where a browser's EventSource cannot set a header. A ticket opens one
// path, any number of times until it ends, since EventSource repeats its address
// when it connects again. It is safe for concurrent use and its fields must not
// change after the first call.
type Tickets struct {
	Tokens *Tokens
	// Claims keep the path of each ticket that was made for none.
	Claims Claims
}

// Issue makes a ticket for the caller. It opens this path alone, or, if that is
// empty, the one at which it is used first. It is good for expiresIn seconds.
func (t *Tickets) Issue(caller Caller, path string) (ticket string, expiresIn int, err error) {
	ticket, _, err = t.Tokens.sign(caller, ticketFor(path), TicketLifetime)
	return ticket, int(TicketLifetime / time.Second), err
}

// Verify tells whom a ticket that is used at this path speaks for. One for another
// path is problem.TokenAudience, as an access token is; else it is as Tokens.Verify.
// A ticket that was made for no path is problem.Unavailable while Claims are away,
// as nobody knows then whether it was used elsewhere.
func (t *Tickets) Verify(ctx context.Context, ticket, path string) (Caller, error) {
	good, err := t.Tokens.verify(ctx, ticket, ticketFor(""), ticketFor(path))
	if err != nil {
		return Caller{}, err
	}
	if good.isFor([]string{ticketFor("")}) {
		if err := t.claim(ctx, good, path); err != nil {
			return Caller{}, err
		}
	}
	return callerOf(good), nil
}

// claim binds a ticket to the path of its first use.
func (t *Tickets) claim(ctx context.Context, ticket verified, path string) error {
	rest := time.Until(ticket.expires) + 2*leeway // no clock takes the ticket for longer
	first, err := t.Claims.Claim(ctx, "tickets:"+ticket.text("jti"), []byte(path), rest)
	if err != nil {
		return problem.Unavailable.Because(err, "The ticket cannot be checked now. Try again in a moment.")
	}
	if string(first) != path {
		return problem.TokenAudience.New("The ticket was used for another stream.")
	}
	return nil
}

// ticketFor is the audience of a ticket: what it opens.
func ticketFor(path string) string {
	if path == "" {
		return ticketAudience
	}
	return ticketAudience + ":" + path
}
