package relay_test

import (
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/servertest"
)

// Whatever fails in whatever order, every reader of an answer, here and there, gets
// each event once and in order, sees none that a crash could take back, and none
// of an answer that was closed without it.
func TestNoEventIsLostDoubledOrStuck(t *testing.T) {
	t.Parallel()
	url := servertest.StartRedis(t).URL // and nobody else's: it is emptied and refuses
	here, there, client := start(t, url), start(t, url), servertest.RedisClient(t, url)
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(here, there, client)
		t.Repeat(map[string]func(*rapid.T){
			"append": w.append, "append more": w.append,
			"settle":     w.settle,
			"read":       w.read,
			"mirror":     w.mirror,
			"draw":       w.draw,
			"store":      w.store,
			"deliver":    w.deliver,
			"checkpoint": w.checkpoint,
			"sweep":      w.sweeping, "sweep on": w.sweeping,
			"forget all":     w.forget(func(pipe redis.Pipeliner, _ string) { pipe.FlushAll(t.Context()) }),
			"forget events":  w.forget(func(pipe redis.Pipeliner, key string) { pipe.Del(t.Context(), key) }),
			"forget scripts": w.do("SCRIPT", "FLUSH"),
			"spoil":          w.forget(func(pipe redis.Pipeliner, key string) { pipe.Set(t.Context(), key, "spoilt", time.Minute) }),
			"full":           w.do("CONFIG", "SET", "maxmemory", "1"),
			"not full":       w.do("CONFIG", "SET", "maxmemory", "0"),
			"read only":      w.do("REPLICAOF", "127.0.0.1", "1"),
			"not read only":  w.do("REPLICAOF", "NO", "ONE"),
			"cut off":        func(*rapid.T) { here.gate.Shut() },
			"not cut off":    func(*rapid.T) { here.gate.Open() },
			"":               w.check,
		})
		w.heal(t)
		w.finish(t)
	})
}

// heal ends what Redis suffers from.
func (w *world) heal(t *rapid.T) {
	w.do("CONFIG", "SET", "maxmemory", "0")(t)
	w.do("REPLICAOF", "NO", "ONE")(t)
	w.here.gate.Open()
	if _, key := keys(w.answer.id); w.redis.Type(t.Context(), key).Val() == "string" {
		w.forget(func(pipe redis.Pipeliner, key string) { pipe.Del(t.Context(), key) })(t)
	}
}

// finish brings the answer to its end, if nobody has, and looks at all readers.
func (w *world) finish(t *rapid.T) {
	if w.final != nil {
		settle(t, w.here)
		w.check(t)
		w.answer.Break(errGone)
	} else {
		w.goOn(t)
		w.row, w.rowVersion = len(w.made), w.rowVersion+1
		w.made = append(w.made, chat.Event{Type: chat.EventComplete})
		w.final = w.made
		w.answer.Seal(w.made[len(w.made)-1])
		for i := range w.readers {
			events, _, _ := w.answer.log.Peek(len(w.readers[i]))
			w.readers[i] = append(w.readers[i], events...)
			if !slices.Equal(w.readers[i], w.made) {
				t.Fatalf("a reader here has %v of %v", w.readers[i], w.made)
			}
		}
	}
	for _, has := range w.mirrors {
		if has = w.advance(has); !w.lost && !w.unfenced && !slices.Equal(has, w.final) {
			t.Fatalf("a reader there has %v of %v", has, w.final)
		}
	}
}

// goOn sees that Redis carries the stream again, once some checkpoints were made.
func (w *world) goOn(t *rapid.T) {
	w.stored = 0
	eventually(t, "a stream that is ours goes on", func() bool {
		w.add(1)
		seen := within(4*moment, func() bool { return w.answer.log.Len() == len(w.made) })
		if !seen {
			w.checkpoint(t)
		}
		return seen
	})
	w.check(t)
}
