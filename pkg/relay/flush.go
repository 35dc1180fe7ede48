package relay

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"dreamchat/pkg/chat"
)

// call is something to do with the next batch. It is done once at most: what it
// tells is found out later by those who miss it.
type call func(ctx context.Context, pipe redis.Pipeliner)

func ring(topic string) call {
	return func(ctx context.Context, pipe redis.Pipeliner) { pipe.Publish(ctx, channel(topic), "") }
}

// closed ends a stream. The head that it leaves, if any, keeps out a process that
// does not know yet.
func closed(messageID, head string) call {
	return func(ctx context.Context, pipe redis.Pipeliner) {
		end.Eval(ctx, pipe, keys(messageID), // which Redis knows even after it has started again
			head, ttl.Milliseconds(), closedTTL.Milliseconds(), channel(chat.StreamTopic(messageID)))
	}
}

// flush adds what publications have, until ctx is done. While one batch is on its
// way the next one gathers, so that the more there is to do the more one round
// trip does. The last batch tells of the answers that ended last.
func (r *Relay) flush(ctx context.Context) {
	r.flushBatches(ctx)
	_ = r.flushBatch(ctx) // those who are not told look for themselves
}

func (r *Relay) flushBatches(ctx context.Context) {
	_ = r.load(ctx) // or when Redis asks for it
	for pause := firstPause; ; {
		select {
		case <-r.work:
		case <-ctx.Done():
			return
		}
		err := r.flushBatch(ctx)
		if err == nil {
			pause = firstPause
			continue
		}
		if pause == firstPause {
			r.log.WarnContext(ctx, "the relay cannot reach Redis", "error", err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
		pause = min(2*pause, lastPause)
	}
}

// flushBatch makes one round trip, which is not broken off when ctx is done. It
// fails if nothing came of it.
func (r *Relay) flushBatch(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), batchTimeout)
	defer cancel()
	publications, calls := r.take()
	pipe := r.client.Pipeline()
	additions := make([]addition, 0, len(publications))
	replies := make([]*redis.Cmd, 0, len(publications))
	for _, p := range publications {
		if a, ok := p.next(); ok {
			additions = append(additions, a)
			replies = append(replies, r.add(ctx, pipe, a))
		}
	}
	for _, call := range calls {
		call(ctx, pipe)
	}
	if pipe.Len() == 0 {
		return nil
	}
	_, err := pipe.Exec(ctx)
	if err != nil && redis.HasErrorPrefix(err, "NOSCRIPT") {
		err = r.load(ctx)
	}
	if carried := r.settle(additions, replies); err != nil && carried {
		r.log.WarnContext(ctx, "Redis has refused a part of a batch", "error", err)
		return nil
	}
	return err
}

// settle takes in the replies and tells whether an addition has come through.
func (r *Relay) settle(additions []addition, replies []*redis.Cmd) (carried bool) {
	for i, a := range additions {
		head, err := replies[i].Text()
		if err == nil {
			carried = true
			a.publication.added(a, head)
		} else if refused(err) {
			a.publication.lose()
		}
		r.again(a.publication)
	}
	return carried
}

// refused tells that Redis was there and would not: it is asked again after the next
// checkpoint, so that one stream that it will not take holds up no other.
func refused(err error) bool {
	var reply redis.Error
	return errors.As(err, &reply) && !redis.HasErrorPrefix(err, "NOSCRIPT")
}

func (r *Relay) add(ctx context.Context, pipe redis.Pipeliner, a addition) *redis.Cmd {
	anew := "0"
	if !strings.HasPrefix(a.expect, r.token) {
		anew = "1"
	}
	return add.EvalSha(ctx, pipe, a.publication.keys, a.expect, a.head, a.last, a.payload, a.forget+1,
		ttl.Milliseconds(), a.publication.channel, anew)
}

// load gives Redis the script, which it forgets when it starts again.
func (r *Relay) load(ctx context.Context) error { return add.Load(ctx, r.client).Err() }

// take is what the next batch does.
func (r *Relay) take() ([]*publication, []call) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := min(len(r.dirty), maxBatch)
	publications := r.dirty[:n:n]
	r.dirty = r.dirty[n:]
	calls := r.calls
	r.calls = nil
	if len(r.dirty) > 0 {
		signal(r.work)
	}
	return publications, calls
}

// again queues a publication that was taken, if it has more to add.
func (r *Relay) again(p *publication) {
	p.mu.Lock()
	p.queued = false
	due := p.due()
	p.mu.Unlock()
	if due {
		r.enqueue(p)
	}
}
