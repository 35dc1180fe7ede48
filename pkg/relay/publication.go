package relay

import (
	"slices"
	"strconv"
	"strings"
	"sync"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/stream"
)

// publication is the writing end of one stream.
type publication struct {
	relay *Relay
	id    string
	log   *stream.Log[chat.Event] // what readers see
	// keys and channel are its names in Redis, which each addition takes.
	keys    []string
	channel string

	mu      sync.Mutex
	pending []chat.Event // those behind the log
	// kept and saved are the numbers of the last event that Redis and the database
	// are known to hold. The log holds as many as either.
	kept, saved int
	// forget is the event up to which Redis holds nothing any more: what was saved
	// a while ago, so that it holds about two seconds of each stream.
	forget int
	// head is what Redis holds there, as far as we know; empty for nothing.
	head string
	// lost is set when that is neither ours nor what we expected, and when Redis
	// refuses events: to the number of events there were then. Nothing is added
	// until a checkpoint holds more. That one was begun later, so it proves that
	// the answer is still ours, and it has all that Redis may have forgotten. One
	// that was begun before may have been overtaken by a seizure.
	lost   int
	queued bool // in relay.dirty, or being added
	ended  bool
}

// Append implements chat.Publication.
func (p *publication) Append(event chat.Event) {
	p.mu.Lock()
	p.pending = append(p.pending, event)
	due := p.due()
	p.mu.Unlock()
	if due {
		p.relay.enqueue(p)
	}
}

// Saved implements chat.Publication.
func (p *publication) Saved(n int) {
	p.mu.Lock()
	if n > p.lost {
		p.lost = 0
	}
	p.forget, p.saved = p.saved, max(p.saved, n)
	p.show(n)
	due := p.due()
	p.mu.Unlock()
	if due {
		p.relay.enqueue(p)
	}
}

// due tells whether the publication must be queued, and notes that it is.
func (p *publication) due() bool {
	if len(p.pending) == 0 || p.queued || p.lost > 0 || p.ended {
		return false
	}
	p.queued = true
	return true
}

// show lets readers see the events up to n.
func (p *publication) show(n int) {
	n = min(n-p.log.Len(), len(p.pending))
	if n <= 0 || p.ended {
		return
	}
	_ = p.log.Append(p.pending[:n]...) // it ends only by Seal and Break
	p.pending = slices.Delete(p.pending, 0, n)
}

// Seal implements chat.Publication.
func (p *publication) Seal(terminal chat.Event) {
	p.mu.Lock()
	_ = p.log.Seal(append(p.pending, terminal)...)
	p.ended, p.pending = true, nil
	p.mu.Unlock()
	p.relay.call(closed(p.id, ""))
}

// Break implements chat.Publication.
func (p *publication) Break(err error) {
	p.mu.Lock()
	p.log.Break(err)
	p.ended, p.pending = true, nil
	p.mu.Unlock()
	p.relay.call(ring(chat.StreamTopic(p.id)))
}

// addition is what one publication adds with a batch.
type addition struct {
	publication *publication
	// expect and head are the head before and after.
	expect, head string
	// last is the number of the last event.
	last    int
	payload []byte
	forget  int
}

// next is what the publication has to add now, if anything.
func (p *publication) next() (addition, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.pending) == 0 || p.lost > 0 || p.ended {
		p.queued = false
		return addition{}, false
	}
	payload, n := encode(p.pending, maxEntry)
	last := p.log.Len() + n
	return addition{
		publication: p,
		expect:      p.head,
		head:        p.relay.token + "." + strconv.Itoa(last),
		last:        last,
		payload:     payload,
		forget:      p.forget,
	}, true
}

// added takes in the head that Redis replied with.
func (p *publication) added(a addition, reply string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return
	}
	p.head = reply
	// A smaller number of ours is a Redis that fell back to an older state.
	if kept, ours := p.ours(reply); ours && kept >= p.kept {
		p.kept = kept
		p.show(kept)
		return
	}
	p.lost = p.made()
	p.relay.log.Warn("the relay has lost a stream", "message", p.id, "taken", reply != "", "event", a.last)
}

// lose notes that Redis refuses what the publication adds.
func (p *publication) lose() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lost = p.made()
}

// made is the number of the newest event.
func (p *publication) made() int { return p.log.Len() + len(p.pending) }

// ours reads the number of the last event from a head of our own.
func (p *publication) ours(head string) (last int, ours bool) {
	number, ours := strings.CutPrefix(head, p.relay.token+".")
	if !ours {
		return 0, false
	}
	last, err := strconv.Atoi(number)
	return last, err == nil
}
