package auth

import (
	"context"
	"net/netip"
	"time"

	"dreamchat/pkg/problem"
)

// Rate is how often something may be done: Quota times, all at once if need be;
// what was used comes back evenly, all of it within Period. A Quota of 0 is no
// limit.
type Rate struct {
	Quota  int
	Period time.Duration
}

// Count is something that is counted.
type Count struct {
	// Scope is what is counted, one of a few names, which callers are told.
	Scope string
	// Of is whose it is: an id or an address. It leaves the process as a hash only.
	Of string
	// Alias is what the same caller is known by before it is known who it is; empty
	// for none.
	Alias string
	Rate
}

// Tally is how a count stands.
type Tally struct {
	Count
	// Remaining is what could be taken now, and Reset when all of it could.
	Remaining int
	Reset     time.Duration
	// Wait is when one could be taken; 0 if there is one, or was.
	Wait time.Duration
}

// Refusal is the problem of a caller who found nothing left: problem.TooMany, with
// details "scope" and "limit".
func (t *Tally) Refusal() error {
	return problem.TooMany.New("Too many of these in too short a time. Wait a little.").
		With("scope", t.Scope).With("limit", t.Quota).After(t.Wait)
}

// Longest is the tally that refuses for the longest time.
func Longest(tallies []Tally) Tally {
	var longest Tally
	for _, tally := range tallies {
		if tally.Wait > longest.Wait {
			longest = tally
		}
	}
	return longest
}

// networkBits is what of an IPv6 address is one network: whoever has one address of
// it has them all.
const networkBits = 64

// Network is what an address counts as: an IPv4 address, or the network of an IPv6
// address.
func Network(address string) string {
	from, err := netip.ParseAddr(address)
	if err != nil {
		return "unknown" // such as the other end of a socket in the file system
	}
	from = from.Unmap()
	if from.Is4() {
		return from.String()
	}
	network, err := from.WithZone("").Prefix(networkBits)
	if err != nil {
		return "unknown"
	}
	return network.String()
}

// Counter counts what callers do, on all instances together. It never fails: what
// cannot be counted together is counted here. Implementations are safe for
// concurrent use.
type Counter interface {
	// Take takes one of each count, which all have a Quota, or of none, if one of
	// them has none left; ok tells which. It tells how they stand then; of counts
	// that were not taken only those that refuse have to be among them. Whoever is
	// refused is remembered for a while, by Of and by Alias, at no cost.
	Take(ctx context.Context, counts ...Count) (tallies []Tally, ok bool)
	// Give gives back what was taken.
	Give(ctx context.Context, counts ...Count)
	// Refused tells, at no cost, whether it is remembered that whoever has this Of
	// or Alias was refused and is to wait still.
	Refused(scope, of string) (Tally, bool)
}
