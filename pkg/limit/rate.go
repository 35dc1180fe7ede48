package limit

import (
	"time"

	"dreamchat/pkg/auth"
)

// interval is how long it takes for one of the quota to come back, in
// microseconds, of which it is a whole number: a quota is an exact multiple.
func interval(rate auth.Rate) int64 {
	return max(rate.Period.Microseconds()/int64(rate.Quota), 1)
}

// tally is how a count stands of which so much is used, as the time that it takes
// to come back, and that has to wait for one more; both are in microseconds.
func tally(count auth.Count, used, wait int64) auth.Tally {
	each := interval(count.Rate)
	left := (each*int64(count.Quota) - used) / each
	return auth.Tally{
		Count:     count,
		Remaining: int(max(left, 0)),
		Reset:     time.Duration(used) * time.Microsecond,
		Wait:      time.Duration(wait) * time.Microsecond,
	}
}
