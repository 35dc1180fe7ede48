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
	switch l.enter(ctx, slot) {
	case Full:
		return false, problem.TooMany.New("Too many answers are being made at the same time. Wait for one to end, or stop one.").
			With("scope", scopeGenerations).With("limit", l.config.Generations).After(slotWait)
	case There: // it came before, and counts once
		return false, nil
	case Fresh:
	}
	if sends.Quota == 0 {
		return true, nil
	}
	if tallies, ok := l.Take(ctx, sends); !ok {
		l.Leave(ctx, slot)
		return false, tallies[0].Refusal()
	}
	return true, nil
}

// Count implements [chat.Limits].
func (l *Limiter) Count(ctx context.Context, userID string) {
	if sends := l.sends(userID); sends.Quota > 0 {
		l.Take(ctx, sends)
	}
}

func (l *Limiter) sends(userID string) auth.Count {
	return auth.Count{Scope: scopeSends, Of: userID, Rate: l.config.Sends}
}

// enter takes the slot here and in Redis, or in neither. Without a limit there is
// room for all of them, which then tell what repeats what.
func (l *Limiter) enter(ctx context.Context, slot chat.Slot) (entry Entry) {
	most, lease := l.config.Generations, l.config.Lease
	if most == 0 {
		most = math.MaxInt32
	}
	here, _ := l.local.Enter(ctx, slot, most, lease) // it never fails
	if here == Full {
		return Full
	}
	entry = here
	l.call(ctx, func(ctx context.Context) error {
		together, err := l.shared.Enter(ctx, slot, most, lease)
		if err == nil {
			entry = together
		}
		return err
	})
	if here == Fresh && entry != Fresh {
		_ = l.local.Leave(ctx, []chat.Slot{slot}) // it never fails
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
	_ = l.local.Leave(ctx, slots) // it never fails
	l.each(ctx, slots, func(ctx context.Context, slots []chat.Slot) error { return l.shared.Leave(ctx, slots) })
}

// Keep implements [chat.Limits].
func (l *Limiter) Keep(ctx context.Context, slots ...chat.Slot) {
	_ = l.local.Keep(ctx, slots, l.config.Lease) // it never fails
	l.each(ctx, slots, func(ctx context.Context, slots []chat.Slot) error {
		return l.shared.Keep(ctx, slots, l.config.Lease)
	})
}

// each does something with the slots in Redis, so many at a time.
func (l *Limiter) each(ctx context.Context, slots []chat.Slot, do func(context.Context, []chat.Slot) error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	for batch := range slices.Chunk(slots, maxKept) {
		l.call(ctx, func(ctx context.Context) error { return do(ctx, batch) })
	}
}
