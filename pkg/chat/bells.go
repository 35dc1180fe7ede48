package chat

import (
	"context"

	"dreamchat/pkg/stream"
)

// Bells wake those who wait for something to change, on every instance. A ring
// may be lost on its way to another one: who waits looks by itself now and then.
// [*stream.Bells] is enough for one instance. Implementations are safe for
// concurrent use.
type Bells interface {
	// Ring wakes all who listen to the topic. It does not wait for them, and
	// works on after ctx is done.
	Ring(ctx context.Context, topic string)
	// Listen hears what is rung from now on, until the listener is closed.
	Listen(topic string) *stream.Listener
}
