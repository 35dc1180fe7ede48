package limit

import (
	"context"
	"math"
	"slices"
	"time"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/problem"
)

const (
	scopeGenerations = "generations"
	scopeSends       = "sends"
	// slotWait is when one is told to try again who found no slot. Nobody knows
	// when an answer ends.
	slotWait = 2 * time.Second
	// maxKept bounds the slots that one call keeps or frees.
	maxKept = 500
)

// Enter implements [chat.Limits].
func (l *Limiter) Enter(ctx context.Context, slot chat.Slot) (fresh bool, err error) {
	sends := l.sends(slot.UserID)
	if tally, refused := l.Refused(sends.Scope, sends.Of); refused {
		return false, tally.Refusal()
	}
	entry := l.enter(ctx, slot)
	if entry == Full {
		return false, problem.TooMany.New("Too many answers are being made at the same time. Wait for one to end, or stop one.").
			With("scope", scopeGenerations).With("limit", l.config.Generations).After(slotWait)
	}
	fresh = entry == Fresh
	if sends.Quota == 0 {
		return fresh, nil
	}
	if tallies, ok := l.Take(ctx, sends); !ok {
		if fresh {
			l.Leave(ctx, slot)
		}
		return false, tallies[0].Refusal()
	}
	return fresh, nil
}

func (l *Limiter) sends(userID string) auth.Count {
	return auth.Count{Scope: scopeSends, Of: userID, Rate: l.config.Sends}
}

// enter takes the slot. What is taken in Redis is noted here too, so that it is
// known when Redis goes away.
func (l *Limiter) enter(ctx context.Context, slot chat.Slot) (entry Entry) {
	most, lease := l.config.Generations, l.config.Lease
	if most == 0 {
		return There
	}
	shared := l.call(ctx, func(ctx context.Context, store Store) (err error) {
		entry, err = store.Enter(ctx, slot, most, lease)
		return err
	})
	if shared && entry == Fresh {
		_, _ = l.local.Enter(ctx, slot, math.MaxInt, lease) // it never fails
	}
	return entry
}

// Refund implements [chat.Limits].
func (l *Limiter) Refund(ctx context.Context, userID string) {
	if sends := l.sends(userID); sends.Quota > 0 {
		l.Give(ctx, sends)
	}
}

// Leave implements [chat.Limits].
func (l *Limiter) Leave(ctx context.Context, slots ...chat.Slot) {
	l.each(ctx, slots, func(ctx context.Context, store Store, slots []chat.Slot) error {
		return store.Leave(ctx, slots)
	})
}

// Keep implements [chat.Limits].
func (l *Limiter) Keep(ctx context.Context, slots ...chat.Slot) {
	l.each(ctx, slots, func(ctx context.Context, store Store, slots []chat.Slot) error {
		return store.Keep(ctx, slots, l.config.Lease)
	})
}

// each does something with the slots in Redis and here.
func (l *Limiter) each(
	ctx context.Context, slots []chat.Slot, do func(context.Context, Store, []chat.Slot) error,
) {
	if l.config.Generations == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	for batch := range slices.Chunk(slots, maxKept) {
		shared := l.call(ctx, func(ctx context.Context, store Store) error { return do(ctx, store, batch) })
		if shared {
			_ = do(ctx, l.local, batch) // it never fails
		}
	}
}
