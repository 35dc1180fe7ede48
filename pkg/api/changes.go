package api

import (
	"errors"

	"github.com/labstack/echo/v4"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/problem"
)

// followChanges answers with the feed of the account, from where the reader left
// it. It has no end: a reader stays until it goes or is sent away.
func (s *Server) followChanges(c echo.Context, caller auth.Caller) error {
	ctx, cancel := briefly(c.Request().Context())
	defer cancel()
	reader, err := s.Changes.Follow(ctx, caller.UserID, cursor(c))
	if err != nil {
		return err
	}
	cancel()
	defer reader.Close()
	w, err := s.openGuarded(c)
	defer w.close()
	w.guard.until = w.guard.caller.ExpiresAt.Add(feedOverrun)
	if err == nil {
		err = s.pumpChanges(c, w, reader)
	}
	w.leave(err)
	return nil // or the reader has gone, or was too slow
}

// pumpChanges copies from the feed to the socket. It looks when it is told to,
// and at every heartbeat in case that got lost.
func (s *Server) pumpChanges(c echo.Context, w *streamWriter, reader *chat.ChangeReader) error {
	ctx := c.Request().Context()
	for {
		changes, more, err := reader.Next(ctx)
		if err != nil && !errors.Is(err, problem.Unavailable) {
			// A database that is away is looked for again; what else there is
			// may not happen to the next reader.
			if ctx.Err() == nil {
				s.Log.ErrorContext(ctx, "feed broke off", "error", err)
			}
			return awayUnavailable
		}
		if err := w.changes(changes); err != nil {
			return err
		}
		if more {
			continue
		}
		if err := w.wait(ctx, reader.More()); err != nil {
			return err
		}
	}
}
