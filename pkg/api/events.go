package api

import (
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/chat"
)

// followMessage answers with the stream of an answer, from where the reader
// left it. As long as a later try may succeed, the status is not one on which
// EventSource gives up for good, save 429 for one reader too many.
func (s *Server) followMessage(c echo.Context, caller auth.Caller) error {
	messageID, err := pathID(c)
	if err != nil {
		return err
	}
	feed, err := s.follow(c, caller, messageID, cursor(c))
	if err != nil {
		return err
	}
	return s.stream(c, feed)
}

// cursor is the id of the last event that the reader has. EventSource repeats
// its address with a newer header, so the header wins.
func cursor(c echo.Context) string {
	if id := c.Request().Header.Get(headerLastEventID); id != "" {
		return id
	}
	for _, name := range []string{"after", "lastEventId", "last_event_id"} {
		if id := c.QueryParam(name); id != "" {
			return id
		}
	}
	return ""
}

// stream sends what the feed holds and goes on with it, until the terminal
// event. A reader that has that already gets 204, which tells EventSource to
// stop.
func (s *Server) stream(c echo.Context, feed *chat.Feed) error {
	defer feed.Close()
	if feed.Ended() {
		return c.NoContent(http.StatusNoContent)
	}
	w, err := s.openGuarded(c)
	defer w.close()
	if err == nil && feed.Reset != "" {
		err = w.tell("stream_reset", `{"reason":"`+feed.Reset+`"}`)
	}
	if err == nil {
		err = pump(c, w, feed, w.native(feed))
	}
	w.leave(err)
	return nil // or the reader has gone, or was too slow
}

// pump copies from the log to the socket, to the end of the log. What has gathered
// since the last write goes out as one write and one flush. A log that ends
// without an ending is awayMoved.
func pump(c echo.Context, w *streamWriter, feed *chat.Feed, frame frame) error {
	replay := true
	for {
		events, more, err := feed.Log.Peek(feed.After)
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return awayMoved
		case more == nil:
			if err := w.events(feed, events, replay, frame); err != nil {
				return err
			}
			replay = false
			continue
		}
		if err := w.wait(c.Request().Context(), more); err != nil {
			return err
		}
	}
}

// comeAgain is a stream that only asks to be opened again.
func (s *Server) comeAgain(c echo.Context, reason away, wait time.Duration) error {
	w := s.openStream(c)
	defer w.close()
	_ = w.reconnect(reason, wait) // or the reader has gone
	return nil
}

const (
	firstRetry = time.Second
	// laterRetry spreads the readers of a server that goes away.
	laterRetry = 2 * time.Second
)

// jitter is a wait that differs from reader to reader.
func jitter() time.Duration {
	return firstRetry + rand.N(laterRetry) //nolint:gosec // not a secret
}
