package chat

import (
	"context"
	"sync"
	"time"
)

// Slot is what an answer takes while it is made.
type Slot struct {
	UserID string
	// Name is that of the request: the same request, sent again, has the same.
	Name string
}

// Limits bounds what users ask of models, on all instances together. It never
// fails otherwise than by a refusal. Implementations are safe for concurrent use.
type Limits interface {
	// Enter counts a request of the user and takes the slot, or does neither and is
	// problem.TooMany, with details "scope" ("generations" or "sends") and "limit".
	// Of a slot that is taken already it does neither: the request came before, and is
	// not fresh. A slot that nobody keeps is free again after a while.
	Enter(ctx context.Context, slot Slot) (fresh bool, err error)
	// Count counts a request of the user that was not fresh and began an answer all
	// the same, since the one before it did not.
	Count(ctx context.Context, userID string)
	// Refund takes a request of the user out of the count.
	Refund(ctx context.Context, userID string)
	// Keep takes the slots, or keeps them for longer.
	Keep(ctx context.Context, slots ...Slot)
	// Leave frees the slots.
	Leave(ctx context.Context, slots ...Slot)
}

// keepEvery is how often slots are kept.
const keepEvery = 4 * time.Second

// Slots are those of the answers that are made here. Run keeps them. It is safe
// for concurrent use and must not be copied; nil has room for everybody.
type Slots struct {
	Limits Limits
	// Every is how often the slots are kept, much less than their lease: 4 s if
	// zero.
	Every time.Duration

	mu   sync.Mutex
	held map[Slot]int // how many hold it here
}

// Run keeps the slots of running answers until ctx is done, which must not be
// before the last of them has ended.
func (s *Slots) Run(ctx context.Context) error {
	every := s.Every
	if every == 0 {
		every = keepEvery
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			s.keep(ctx)
		case <-ctx.Done():
			return nil
		}
	}
}

func (s *Slots) keep(ctx context.Context) {
	kept := s.all()
	if len(kept) == 0 {
		return
	}
	s.Limits.Keep(ctx, kept...)
	// Those that were freed meanwhile may have been taken again by that.
	var left []Slot
	for _, slot := range kept {
		if !s.holds(slot) {
			left = append(left, slot)
		}
	}
	if left != nil {
		s.Limits.Leave(ctx, left...)
	}
}

func (s *Slots) all() []Slot {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := make([]Slot, 0, len(s.held))
	for slot := range s.held {
		held = append(held, slot)
	}
	return held
}

func (s *Slots) holds(slot Slot) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held[slot] > 0
}

// enter takes a slot and counts a request, or is problem.TooMany. The place is
// ended by leave or by undo.
func (s *Slots) enter(ctx context.Context, slot Slot) (p *place, err error) {
	if s == nil {
		return p, nil
	}
	fresh, err := s.Limits.Enter(ctx, slot)
	if err != nil {
		return nil, err
	}
	p = &place{slots: s, slot: slot, fresh: fresh}
	if fresh {
		p.hold()
	}
	return p, nil
}

// free frees the slot of an answer that was made elsewhere, by a server that has
// gone.
func (s *Slots) free(ctx context.Context, slot Slot) {
	if s != nil && !s.holds(slot) {
		s.Limits.Leave(ctx, slot)
	}
}

// place is what one request has of a slot: requests that repeat each other have a
// place each in the same slot. A nil place does nothing.
type place struct {
	slots *Slots
	slot  Slot
	fresh bool // this request took the slot

	leaves sync.Once
}

// begin keeps the slot for the answer that this request has begun, even if another
// took it first.
func (p *place) begin(ctx context.Context) {
	if p == nil || p.fresh {
		return
	}
	p.hold()
	p.slots.Limits.Count(ctx, p.slot.UserID)
}

func (p *place) hold() {
	p.slots.mu.Lock()
	defer p.slots.mu.Unlock()
	if p.slots.held == nil {
		p.slots.held = make(map[Slot]int)
	}
	p.slots.held[p.slot]++
}

// leave is for when the answer has ended.
func (p *place) leave(ctx context.Context) {
	if p == nil {
		return
	}
	p.leaves.Do(func() {
		if p.drop() {
			p.slots.Limits.Leave(ctx, p.slot)
		}
	})
}

// undo gives everything back for a request that began nothing. If the answer to
// the same request is made elsewhere, that has the slot now.
func (p *place) undo(ctx context.Context, elsewhere bool) {
	if p == nil || !p.fresh {
		return
	}
	p.slots.Limits.Refund(ctx, p.slot.UserID)
	if p.drop() && !elsewhere {
		p.slots.Limits.Leave(ctx, p.slot)
	}
}

// drop lets the slot go and tells whether it was the last here to hold it.
func (p *place) drop() bool {
	p.slots.mu.Lock()
	defer p.slots.mu.Unlock()
	p.slots.held[p.slot]--
	if p.slots.held[p.slot] > 0 {
		return false
	}
	delete(p.slots.held, p.slot)
	return true
}

// slot is what an answer takes while it is made.
func (m *Message) slot(userID string) Slot {
	if m.IdempotencyKey == "" {
		return Slot{UserID: userID, Name: m.ID}
	}
	return Slot{UserID: userID, Name: requestHash("slot", m.ConversationID, m.IdempotencyKey)}
}
