package relay_test

import (
	"context"
	"slices"
	"strconv"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/stream"
)

// world is one answer that is made here and followed here and there, while Redis,
// the database and the process that makes it fail in every order. The database is
// the fields beginning with row.
type world struct {
	here, there *instance
	redis       *redis.Client
	answer      answer
	made        []chat.Event // all events, with those that readers do not see yet

	row        int // how many events the row holds
	rowVersion int // counts what was written to it
	final      []chat.Event
	lost       bool // the stream that was closed has begun again
	limit      int  // what may have been seen when the answer was closed
	unfenced   bool // Redis has forgotten that the stream was seized

	drawn, stored int // checkpoints on their way: to the row, and back
	sweep         *sweep
	// durable is the newest event that Redis held when it last lost its memory.
	durable int
	readers [][]chat.Event // here
	mirrors [][]chat.Event // there
}

// sweep is an instance that closes the answer, between two of its steps.
type sweep struct {
	row, version int
	seized       bool
	tail         chat.Tail
}

func newWorld(here, there *instance, client *redis.Client) *world {
	w := &world{here: here, there: there, redis: client, answer: publish(here), row: 1}
	w.made, _, _ = w.answer.log.Peek(0)
	w.made = slices.Clone(w.made)
	w.readers, w.mirrors = make([][]chat.Event, 2), make([][]chat.Event, 2)
	return w
}

func (w *world) append(t *rapid.T) { w.add(rapid.IntRange(1, 5).Draw(t, "n")) }

func (w *world) add(n int) {
	for range n {
		event := word("e" + strconv.Itoa(len(w.made)) + " ")
		event.Offset = uint32(len(w.made))
		w.made = append(w.made, event)
		w.answer.Append(event)
	}
}

// draw begins a checkpoint, store writes it unless the answer was closed, and
// deliver takes the reply to the process.
func (w *world) draw(*rapid.T) { w.drawn = len(w.made) }

func (w *world) store(*rapid.T) {
	if w.drawn == 0 || w.final != nil {
		return // there is none, or it is refused
	}
	w.row, w.stored, w.drawn = w.drawn, w.drawn, 0
	w.rowVersion++
}

func (w *world) deliver(*rapid.T) {
	if w.stored == 0 {
		return // there is no reply
	}
	w.answer.Saved(w.stored)
	w.stored = 0
}

func (w *world) checkpoint(t *rapid.T) {
	if w.final != nil || w.stored > 0 {
		return // it is refused, or another one is on its way
	}
	w.draw(t)
	w.store(t)
	w.deliver(t)
}

// sweeping goes one step on in closing the answer: it reads the row, seizes the stream,
// closes the row if it is as it was.
func (w *world) sweeping(t *rapid.T) {
	switch {
	case w.final != nil:
		return // it is closed already
	case w.sweep == nil:
		w.sweep = &sweep{row: w.row, version: w.rowVersion}
	case !w.sweep.seized:
		found, err := w.there.Seize(context.Background(), w.answer.id, w.sweep.row)
		if err != nil {
			w.sweep = nil // Redis will have none of it: later
			return
		}
		w.sweep.seized, w.sweep.tail = true, found
	default:
		w.close(t)
	}
}

func (w *world) close(t *rapid.T) {
	s := w.sweep
	w.sweep = nil
	if s.version != w.rowVersion {
		w.unfenced = false // nothing came of it
		return
	}
	w.final = append(slices.Clone(w.made[:s.row]), s.tail.Events...)
	w.limit = max(len(w.final), w.durable, w.kept())
	w.lost = !s.tail.Whole
	if seen := w.seen(); !w.lost && !w.unfenced && seen > len(w.final) {
		t.Fatalf("readers saw %d events, of which %d were kept", seen, len(w.final))
	}
	w.final = append(w.final, chat.Event{Type: chat.EventError})
	w.there.Closed(context.Background(), w.answer.id)
}

// seen is the newest event that anybody has seen.
func (w *world) seen() int {
	seen := w.answer.log.Len()
	for _, mirror := range w.mirrors {
		if w.final == nil || len(mirror) < len(w.final) {
			seen = max(seen, len(mirror))
		}
	}
	return seen
}

// kept is the number of the newest event in Redis.
func (w *world) kept() int {
	_, key := keys(w.answer.id)
	return newest(w.redis.XRevRangeN(context.Background(), key, "+", "-", 1))
}

func newest(reply *redis.XMessageSliceCmd) int {
	entries, err := reply.Result()
	if err != nil || len(entries) == 0 || entries[0].Values["e"] == nil {
		return 0
	}
	n, _ := strconv.Atoi(entries[0].ID[:len(entries[0].ID)-len("-0")])
	return n
}

// forget takes Redis's memory, all of it or that of the stream alone.
func (w *world) forget(how func(pipe redis.Pipeliner, key string)) func(*rapid.T) {
	return func(*rapid.T) {
		_, key := keys(w.answer.id)
		pipe := w.redis.TxPipeline()
		last := pipe.XRevRangeN(context.Background(), key, "+", "-", 1)
		how(pipe, key)
		_, _ = pipe.Exec(context.Background()) // a key of the wrong type holds nothing
		w.durable = max(w.durable, newest(last))
		head, _ := keys(w.answer.id)
		fenced := w.final != nil || w.sweep != nil && w.sweep.seized
		w.unfenced = w.unfenced || fenced && w.redis.Exists(context.Background(), head).Val() == 0
	}
}

func (w *world) do(args ...any) func(*rapid.T) {
	return func(t *rapid.T) {
		if err := w.redis.Do(context.Background(), args...).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// settle lets the instance come to rest, if it can.
func (w *world) settle(*rapid.T) {
	within(4*moment, func() bool { return w.answer.log.Len() == len(w.made) })
}

func (w *world) read(t *rapid.T) {
	i := rapid.IntRange(0, len(w.readers)-1).Draw(t, "reader")
	w.readers[i] = take(t, w.readers[i], w.answer.log)
}

// take reads a part of what there is, as a reader who is cut off, from any event
// that it had.
func take(t *rapid.T, has []chat.Event, log *stream.Log[chat.Event]) []chat.Event {
	has = has[:rapid.IntRange(0, len(has)).Draw(t, "from")]
	events, _, _ := log.Peek(len(has))
	return append(has, events[:rapid.IntRange(0, len(events)).Draw(t, "part")]...)
}

// mirror reads on the other side, where what Redis does not have is in the row.
func (w *world) mirror(t *rapid.T) {
	i := rapid.IntRange(0, len(w.mirrors)-1).Draw(t, "mirror")
	w.mirrors[i] = w.advance(w.mirrors[i])
}

func (w *world) advance(has []chat.Event) []chat.Event {
	for range 2 {
		found, err := w.there.Tail(context.Background(), w.answer.id, len(has))
		if err == nil {
			has = append(slices.Clip(has), found.Events...)
		}
		if w.lost || w.unfenced {
			return has
		}
		row := w.made[:w.row]
		if w.final != nil {
			row = w.final
		}
		has = append(has, row[min(len(has), len(row)):]...)
	}
	return has
}

// check is what holds after every step.
func (w *world) check(t *rapid.T) {
	seen := w.answer.log.Len()
	if kept := max(w.kept(), w.durable, w.row); w.final == nil && seen > kept {
		t.Fatalf("readers here see %d events, of which %d are kept", seen, kept)
	}
	if w.final != nil && seen > w.limit && !w.unfenced {
		t.Fatalf("readers here see %d events of an answer that was closed with %d", seen, w.limit)
	}
	for _, has := range w.readers {
		if !slices.Equal(has, w.made[:len(has)]) {
			t.Fatalf("a reader here has %v", has)
		}
	}
	for _, has := range w.mirrors {
		n := len(has)
		if w.final != nil && n == len(w.final) && !w.lost && has[n-1].Type == chat.EventError {
			n--
		}
		if n > len(w.made) || !slices.Equal(has[:n], w.made[:n]) {
			t.Fatalf("a reader there has %v of %v", has, w.made)
		}
	}
}
