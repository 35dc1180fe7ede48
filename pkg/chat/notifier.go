package chat

import "context"

// Notifier tells those who keep something of an account that it has changed:
// the cached lists and the readers of the feed, on every instance.
type Notifier struct {
	Lists ListCache
	Bells Bells
}

// Changed is called after each commit that changes something of the account. It
// works on after ctx is done. The lists come first, so that who hears the ring
// is not shown an old one.
func (n Notifier) Changed(ctx context.Context, userID string) {
	n.Lists.Advance(ctx, userID)
	n.Bells.Ring(ctx, feedTopic(userID))
}
