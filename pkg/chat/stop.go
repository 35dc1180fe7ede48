package chat

import (
	"context"
	"time"
)

// stopsTopic is rung when an answer that the instance makes is to be stopped.
func stopsTopic(owner string) string { return "stops:" + owner }

// Stop ends a running answer, wherever it is made, and keeps what there is of
// it. It tells whether the answer was still running; one that had ended stays as
// it is. The request is stored, so that it holds even if nobody hears the bell:
// then the answer stops within a second. A message that is no answer of the user's
// is problem.NotFound.
func (g *Generations) Stop(ctx context.Context, userID, messageID string) (Message, bool, error) {
	answer, err := g.answer(ctx, userID, messageID)
	if err != nil || answer.Status != StatusStreaming {
		return answer, false, err
	}
	if made, here := g.find(userID, messageID); here {
		made.cancel(errStopped)
		return answer, true, nil
	}
	running, err := g.Store.RequestStop(ctx, userID, messageID)
	if err != nil {
		return answer, false, err
	}
	if !running { // it has ended since we read it
		answer, err = g.answer(ctx, userID, messageID)
		return answer, false, err
	}
	g.Streams.Ring(ctx, stopsTopic(answer.Owner))
	return answer, true, nil
}

// listenForStops heeds stop requests until ctx is done.
func (g *Generations) listenForStops(ctx context.Context) {
	bell := g.Streams.Listen(stopsTopic(g.Owner))
	defer bell.Close()
	ticker := time.NewTicker(heedEvery)
	defer ticker.Stop()
	for {
		select {
		case <-bell.C:
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		g.heed(ctx)
	}
}

// heed stops the answers made here that another instance was asked to stop.
func (g *Generations) heed(ctx context.Context) {
	if len(g.all()) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	stops, err := g.Store.StopRequests(ctx, g.Owner, maxStops)
	if err != nil {
		g.Log.WarnContext(ctx, "stop requests not read", "error", err)
		return
	}
	for _, stop := range stops {
		g.end([]string{stop.MessageID}, stop.cause())
	}
}

func (r StopRequest) cause() error {
	switch {
	case r.Deleting:
		return errErased
	case r.Suspended:
		return errSuspended
	default:
		return errStopped
	}
}

// Halt ends all running answers of an account, wherever they are made, and does
// not wait for that. What there is of them is kept. The request is stored, so that
// it holds even if nobody hears the bells.
func (g *Generations) Halt(ctx context.Context, userID string) error {
	ctx, cancel := context.WithTimeout(ctx, saveTimeout)
	defer cancel()
	owners, err := g.Store.RequestStops(ctx, userID)
	for _, owner := range owners {
		g.Streams.Ring(ctx, stopsTopic(owner))
	}
	return err
}

// end ends those of the answers that are made here. One that has just been saved
// for good has left the map, or is about to and takes no notice.
func (g *Generations) end(ids []string, cause error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, id := range ids {
		if made, ok := g.running[id]; ok {
			made.cancel(cause)
		}
	}
}

const (
	// heedEvery is how often stop requests are looked for unasked.
	heedEvery = time.Second
	maxStops  = 1000
)
