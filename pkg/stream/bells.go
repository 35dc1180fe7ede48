package stream

import (
	"context"
	"sync"
)

// Bells wake those who wait for something to change, by topic, in this process.
// A ring carries nothing: who hears it looks for itself. All methods are safe
// for concurrent use. The zero Bells is ready.
type Bells struct {
	// First and Last, if they are not nil, are told when the first listener of a
	// topic comes and when the last one has gone, in order. They must not wait,
	// nor call the Bells.
	First, Last func(topic string)

	mu        sync.Mutex
	listeners map[string]map[*Listener]struct{}
}

// Listener hears the rings of one topic.
type Listener struct {
	// C gets a value after a ring. Rings that come before it is read are one.
	C <-chan struct{}

	wake  chan struct{}
	close func()
}

// Close ends the listening. It may be called more than once.
func (l *Listener) Close() { l.close() }

// Ring wakes everybody who listens to the topic now. It never waits.
func (b *Bells) Ring(_ context.Context, topic string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for listener := range b.listeners[topic] {
		select {
		case listener.wake <- struct{}{}:
		default: // it has a ring to hear already
		}
	}
}

// Listen hears what is rung from now on, until the listener is closed.
func (b *Bells) Listen(topic string) *Listener {
	wake := make(chan struct{}, 1)
	listener := &Listener{C: wake, wake: wake}
	listener.close = sync.OnceFunc(func() { b.remove(topic, listener) })
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.listeners == nil {
		b.listeners = make(map[string]map[*Listener]struct{})
	}
	if b.listeners[topic] == nil {
		b.listeners[topic] = make(map[*Listener]struct{})
		if b.First != nil {
			b.First(topic)
		}
	}
	b.listeners[topic][listener] = struct{}{}
	return listener
}

func (b *Bells) remove(topic string, listener *Listener) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.listeners[topic], listener)
	if len(b.listeners[topic]) == 0 {
		delete(b.listeners, topic)
		if b.Last != nil {
			b.Last(topic)
		}
	}
}
