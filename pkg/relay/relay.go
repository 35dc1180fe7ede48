// Package relay carries the streams of running answers between instances,
// through Redis. It knows the domain's events and Redis, and nothing of the
// database: what was saved of an answer is known there, and the relay holds what
// came since.
//
// Each running answer has two keys. The stream holds its events, in entries of as
// many as had gathered; an entry's id is the number of its last event, so that
// nothing can be added twice. The head names the process that may add, and the
// number of the last event; every addition is a compare-and-set of the head. So
// a process that was paused while others closed its answer adds nothing more, an
// addition whose reply was lost is recognised, and a Redis that has lost its
// memory is noticed.
//
// Events are shown to readers, those of this process too, only once Redis or the
// database holds them: what any reader has seen survives the process. While Redis
// is away streams go on at the pace at which answers are saved.
//
// A bell (publish/subscribe) tells that there is more. It may be lost; the entries
// are the truth, and the answer's row is behind them.
package relay

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/stream"
)

const (
	// maxBatch bounds the streams that one round trip carries.
	maxBatch = 256
	// maxEntry bounds the text of one entry, in bytes.
	maxEntry = 64 << 10
	// ttl is how long Redis keeps a stream that nothing is added to.
	ttl = 10 * time.Minute
	// maxCalls bounds the calls that wait while Redis is away.
	maxCalls = 10_000
	// batchTimeout bounds one round trip.
	batchTimeout = 5 * time.Second
	// closedTTL is how long it keeps the end of one that is closed.
	closedTTL = time.Minute
	// firstPause and lastPause bound the wait before Redis is tried again.
	firstPause = 50 * time.Millisecond
	lastPause  = time.Second
)

// Relay is the [chat.Streams] of an instance that shares a Redis with others.
// Run it; before and after, nothing reaches Redis. Its methods are safe for
// concurrent use.
type Relay struct {
	client *redis.Client
	log    *slog.Logger
	// token names this process in heads.
	token string
	bells stream.Bells

	mu      sync.Mutex
	dirty   []*publication  // have events to add, in the order in which they came
	calls   []call          // to make with the next batch
	topics  map[string]bool // to subscribe to, or to leave
	lookups chan lookup     // to make with the next round trip of reads
	work    chan struct{}   // has a value while dirty or calls may hold any
	changes chan struct{}   // has a value while topics may hold any
}

var _ chat.Streams = (*Relay)(nil)

// New returns a Relay over the client, which the caller closes after Run has
// returned.
func New(client *redis.Client, log *slog.Logger) *Relay {
	r := &Relay{
		client:  client,
		log:     log,
		token:   rand.Text(),
		topics:  make(map[string]bool),
		lookups: make(chan lookup, maxLookups),
		work:    make(chan struct{}, 1),
		changes: make(chan struct{}, 1),
	}
	r.bells.First = func(topic string) { r.subscribe(topic, true) }
	r.bells.Last = func(topic string) { r.subscribe(topic, false) }
	return r
}

// Run carries events and bells, and reads for Tail, until ctx is done, which must
// not be before the last answer of this instance has ended.
func (r *Relay) Run(ctx context.Context) error {
	var running sync.WaitGroup
	running.Go(func() { r.hear(ctx) })
	running.Go(func() { r.read(ctx) })
	r.flush(ctx)
	running.Wait()
	return nil
}

// Publish opens the stream of an answer that this instance begins to make.
func (r *Relay) Publish(messageID string, log *stream.Log[chat.Event]) chat.Publication {
	n := log.Len()
	return &publication{
		relay:   r,
		id:      messageID,
		keys:    keys(messageID),
		channel: channel(chat.StreamTopic(messageID)),
		log:     log,
		kept:    n,
		saved:   n,
	}
}

// keys are the head and the stream of an answer. They share a slot of a cluster.
func keys(messageID string) []string {
	key := prefix + "stream:{" + messageID + "}"
	return []string{key + ":head", key}
}

const prefix = "dreamchat:"

// channel is where a bell rings.
func channel(topic string) string { return prefix + "bell:" + topic }

// enqueue notes that a publication has events to add.
func (r *Relay) enqueue(p *publication) {
	r.mu.Lock()
	r.dirty = append(r.dirty, p)
	r.mu.Unlock()
	signal(r.work)
}

// call adds a call to the next batch, or drops it when there are too many.
func (r *Relay) call(c call) {
	r.mu.Lock()
	if len(r.calls) < maxCalls {
		r.calls = append(r.calls, c)
	}
	r.mu.Unlock()
	signal(r.work)
}

func signal(channel chan struct{}) {
	select {
	case channel <- struct{}{}:
	default:
	}
}
