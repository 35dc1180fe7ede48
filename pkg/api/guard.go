package api

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/labstack/echo/v4"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/stream"
)

const (
	// expiryNotice is how long before its token ends the reader of a stream is told.
	expiryNotice = time.Minute
	// feedOverrun is how long a feed, which has no end of its own, goes on after
	// its token has ended.
	feedOverrun = auth.AccessLifetime
	// standingEvery is how often it is looked how the reader stands, should a ring
	// have been lost.
	standingEvery = time.Minute
)

// guard watches whether the reader of a stream may go on reading. A token that
// ends does not end the stream of an answer; a session that ends, or an account
// that is suspended, does.
type guard struct {
	standing *auth.Standing
	caller   auth.Caller
	bell     *stream.Listener
	// notice is when the reader is to be told that its token ends, until when it is
	// sent away; zero for never.
	notice, until time.Time
	checked       time.Time
}

// guard listens to what becomes of the caller from now on.
func (s *Server) guard(c echo.Context) *guard {
	caller := callerOf(c)
	return &guard{
		standing: s.Standing,
		caller:   caller,
		bell:     s.Standing.Listen(caller.UserID),
		notice:   caller.ExpiresAt.Add(-expiryNotice),
	}
}

func (g *guard) close() { g.bell.Close() }

// next is how long until something is due, a rest at most.
func (g *guard) next(rest time.Duration) time.Duration {
	for _, due := range []time.Time{g.notice, g.until} {
		if !due.IsZero() {
			rest = min(rest, max(time.Until(due), 0))
		}
	}
	return rest
}

// check sends the reader away that may not read on.
func (g *guard) check(ctx context.Context) error {
	if refused := g.refusal(ctx); refused != nil {
		return away(refused.Kind.Code())
	}
	return nil
}

// refusal is why the caller may not go on; nil if it may. What cannot be known now
// is looked at later.
func (g *guard) refusal(ctx context.Context) *problem.Error {
	g.checked = time.Now()
	_, err := g.standing.Check(ctx, g.caller)
	found, ok := errors.AsType[*problem.Error](err)
	if !ok || found.Kind == problem.Unavailable || found.Kind == problem.Internal {
		return nil
	}
	return found
}

// tick does what is due by now.
func (g *guard) tick(ctx context.Context, w *streamWriter) error {
	now := time.Now()
	if !g.until.IsZero() && !now.Before(g.until) {
		return away(problem.TokenExpired.Code())
	}
	if !g.notice.IsZero() && !now.Before(g.notice) {
		g.notice = time.Time{}
		if err := w.expiring(g.caller.ExpiresAt); err != nil {
			return err
		}
	}
	if now.Sub(g.checked) < standingEvery {
		return nil
	}
	return g.check(ctx)
}

type authExpiring struct {
	ExpiresAt time.Time `json:"expiresAt"`
	// ExpiresIn is in seconds.
	ExpiresIn int `json:"expiresIn"`
}

// expiring tells the reader to get a new token before it comes again.
func (w *streamWriter) expiring(at time.Time) error {
	payload, err := json.Marshal(authExpiring{ExpiresAt: at, ExpiresIn: int(max(time.Until(at), 0) / time.Second)})
	if err != nil {
		return err
	}
	return w.tell("auth_expiring", string(payload))
}
