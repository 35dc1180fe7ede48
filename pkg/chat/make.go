package chat

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"dreamchat/pkg/problem"
)

const (
	saveTimeout  = 5 * time.Second
	firstBackoff = 100 * time.Millisecond
	lastBackoff  = 2 * time.Second
	maxRefused   = 5
	// recordTimeout bounds how long the first word may wait for the database.
	recordTimeout = time.Second
	// forgetTimeout bounds how long it is tried to forget what expires by itself.
	forgetTimeout = 2 * time.Second
)

// make runs a generation from the question to the stored answer. The row is
// committed before the terminal event is visible: who sees the event can read
// the answer from the database.
func (g *Generations) make(ctx context.Context, made *generation) {
	defer g.release(made.answer.ID)
	defer made.cancel(nil)
	defer made.place.leave(ctx)
	err := g.ask(ctx, made)
	if cause := context.Cause(ctx); cause != nil && (err != nil || errors.Is(cause, errErased)) {
		err = cause
	}
	g.settle(ctx, made, err)
}

// ask follows a provider to the end of the answer. Its frame is held as long
// as that takes, so it is small.
func (g *Generations) ask(ctx context.Context, made *generation) (err error) {
	defer func() {
		// One bad answer must not end the others.
		if fault := recover(); fault != nil {
			err = fmt.Errorf("chat: panic in a generation: %v\n%s", fault, debug.Stack())
		}
	}()
	return g.Retries.try(ctx, making{generation: made, by: g}, made.source.fallbacks)
}

// follow takes in what the provider yields, until it ends or fails. It returns
// nil for an answer that came to its end.
func (g *Generations) follow(ctx context.Context, made *generation, request Request) error {
	made.asks(&request)
	for delta, err := range made.source.provider.Complete(ctx, request) {
		if err != nil {
			return err
		}
		if full := made.take(delta); full {
			return nil
		}
		if delta.isName() {
			if err := g.record(ctx, made); err != nil {
				return err
			}
		}
	}
	return nil
}

// record saves the provider's name for the generation before there is a word of
// it, so that what the answer costs can be asked for even after a crash. If the
// database is away, that is left to the next checkpoint.
func (g *Generations) record(ctx context.Context, made *generation) error {
	saving, cancel := context.WithTimeout(ctx, recordTimeout)
	defer cancel()
	answer := made.current()
	lost, err := g.Store.Checkpoint(saving, []Message{answer}, now())
	switch {
	case len(lost) > 0:
		return errLost
	case err != nil && ctx.Err() == nil:
		g.Log.WarnContext(ctx, "generation not recorded yet", "message", answer.ID, "error", err)
	case err == nil:
		made.stream.Saved(answer.LastEventSeq)
	}
	return nil
}

// settle stores the answer and ends the stream.
func (g *Generations) settle(ctx context.Context, made *generation, err error) {
	ending, shutOut := err, errors.Is(err, errSuspended)
	answer, charge := made.close(err, g.Ledger)
	switch {
	case isGone(err):
		g.abandon(ctx, made, charge, err)
		return
	case errors.Is(err, errErased):
		g.erase(ctx, made, &answer, charge)
		return
	}
	g.report(ctx, &answer, err)
	conversation, err := g.save(ctx, made.userID, &answer, charge)
	if err != nil {
		g.abandon(ctx, made, charge, err)
		return
	}
	made.place.leave(ctx) // whoever sees the end finds room
	made.stream.Seal(answer.terminal())
	if answer.Error == nil {
		ending = nil
	}
	made.tap.end(ending)
	if g.OnFinish != nil {
		g.OnFinish(made.outcome(&answer))
	}
	if !shutOut {
		g.title(ctx, conversation, &answer)
	}
}

// erase ends an answer whose account is being deleted. Nobody is told any more:
// who deletes the account waits until the answer is stored, when nothing of it is
// left elsewhere.
func (g *Generations) erase(ctx context.Context, made *generation, answer *Message, charge Charge) {
	made.stream.Break(errErased)
	made.tap.end(errErased)
	err := g.forget(ctx, answer.ID)
	if _, failed := g.finish(ctx, answer, charge); !errors.Is(failed, problem.Conflict) {
		err = errors.Join(err, failed)
	}
	if err != nil {
		g.Log.WarnContext(ctx, "answer of a deleted account not ended in order", "message", answer.ID, "error", err)
	}
}

// forget leaves nothing of the streams of answers, also after ctx is done.
func (g *Generations) forget(ctx context.Context, messageIDs ...string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), forgetTimeout)
	defer cancel()
	return g.Streams.Forget(ctx, messageIDs...)
}

// abandon ends the stream of an answer that cannot be stored. What nobody can store
// any more, since its conversation was deleted, here or on another instance, is
// charged all the same. Who has closed an answer has charged it too, which stands.
// The stream breaks last: whoever comes back then must not find it here any more.
func (g *Generations) abandon(ctx context.Context, made *generation, charge Charge, err error) {
	if isGone(err) {
		charge.UserID = made.userID
		g.Ledger.save(ctx, charge)
	}
	made.stream.Break(err)
	made.tap.end(err)
}

// isGone tells whether an answer cannot be stored since it is closed or deleted.
func isGone(err error) bool {
	return err == errLost || err == errDeleted //nolint:errorlint // sentinels by identity
}

// report logs a failed generation, with its cause but without any text.
func (g *Generations) report(ctx context.Context, answer *Message, err error) {
	if answer.Error != nil {
		g.Log.WarnContext(ctx, "generation ended early", "message", answer.ID, "model", answer.ModelID, "error", err)
	}
}

// save stores the final answer, trying again while the database is away: a
// finished answer is not lost because of that. It gives up when the server must
// end, when the answer is not ours any more, and when the database is there and
// refuses it again and again: then the sweep closes what was saved last.
func (g *Generations) save(ctx context.Context, userID string, answer *Message, charge Charge) (Conversation, error) {
	refused := 0
	for backoff := firstBackoff; ; backoff = min(2*backoff, lastBackoff) {
		conversation, err := g.finish(ctx, answer, charge)
		if errors.Is(err, problem.Conflict) {
			conversation, err = g.finished(ctx, userID, answer)
		}
		switch {
		case err == nil:
			g.Notify.Changed(context.WithoutCancel(ctx), userID)
			return conversation, nil
		case errors.Is(err, problem.Conflict):
			return Conversation{}, errLost
		case !errors.Is(err, problem.Unavailable) && !errors.Is(err, context.DeadlineExceeded):
			if refused++; refused == maxRefused {
				return Conversation{}, err
			}
		}
		g.Log.ErrorContext(ctx, "answer not saved yet", "message", answer.ID, "error", err)
		select {
		case <-time.After(backoff):
		case <-g.lastCall():
			return Conversation{}, err
		}
	}
}

// finish stores the answer on a context that outlives a stop.
func (g *Generations) finish(ctx context.Context, answer *Message, charge Charge) (Conversation, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
	defer cancel()
	return g.Store.FinishAnswer(ctx, answer.Attempt, *answer, charge)
}

// finished finds the answer as an earlier try has stored it whose reply was lost.
// Any other end of the answer is errLost.
func (g *Generations) finished(ctx context.Context, userID string, answer *Message) (Conversation, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
	defer cancel()
	stored, err := g.Messages.Message(ctx, userID, answer.ID)
	switch {
	case errors.Is(err, problem.NotFound):
		return Conversation{}, errLost
	case err != nil:
		return Conversation{}, err
	case stored.Status != answer.Status || !stored.UpdatedAt.Equal(answer.UpdatedAt):
		return Conversation{}, errLost
	}
	return g.Talks.Conversation(ctx, userID, answer.ConversationID)
}
