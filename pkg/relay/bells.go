package relay

import (
	"context"
	"strings"

	"github.com/redis/go-redis/v9"

	"dreamchat/pkg/stream"
)

// maxHeard bounds the messages that wait to be heard.
const maxHeard = 1000

// Ring wakes all who listen to the topic, here at once and elsewhere with the next
// batch.
func (r *Relay) Ring(ctx context.Context, topic string) {
	r.bells.Ring(ctx, topic)
	r.call(ring(topic))
}

// Listen hears what is rung from now on. The topic is rung once when the bells of
// other instances can be heard: who listens looks then at the latest.
func (r *Relay) Listen(topic string) *stream.Listener { return r.bells.Listen(topic) }

// subscribe notes that a topic is listened to, or is not any more.
func (r *Relay) subscribe(topic string, wanted bool) {
	r.mu.Lock()
	r.topics[topic] = wanted
	r.mu.Unlock()
	signal(r.changes)
}

// hear rings here what is rung elsewhere, until ctx is done.
func (r *Relay) hear(ctx context.Context) {
	subscriptions := r.client.Subscribe(ctx)
	defer func() { _ = subscriptions.Close() }() // nothing is lost with it
	heard := subscriptions.ChannelWithSubscriptions(redis.WithChannelSize(maxHeard))
	for {
		select {
		case <-r.changes:
			r.change(ctx, subscriptions)
		case message := <-heard:
			if topic, ok := topicOf(message); ok {
				r.bells.Ring(ctx, topic)
			}
		case <-ctx.Done():
			return
		}
	}
}

// topicOf is the topic of a ring, or of a subscription that stands now: what was
// rung before that was not heard.
func topicOf(message any) (topic string, ok bool) {
	switch message := message.(type) {
	case *redis.Message:
		return strings.CutPrefix(message.Channel, channel(""))
	case *redis.Subscription:
		topic, ok = strings.CutPrefix(message.Channel, channel(""))
		return topic, ok && message.Kind == "subscribe"
	}
	return "", false
}

// change subscribes and unsubscribes. The driver remembers what it could not tell
// Redis and tells it once it is connected again.
func (r *Relay) change(ctx context.Context, subscriptions *redis.PubSub) {
	r.mu.Lock()
	topics := r.topics
	r.topics = make(map[string]bool)
	r.mu.Unlock()
	var on, off []string
	for topic, wanted := range topics {
		if wanted {
			on = append(on, channel(topic))
		} else {
			off = append(off, channel(topic))
		}
	}
	if len(on) > 0 {
		_ = subscriptions.Subscribe(ctx, on...)
	}
	if len(off) > 0 {
		_ = subscriptions.Unsubscribe(ctx, off...)
	}
}
