package api

import (
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/problem"
)

// sendUIMessage takes a turn of the AI SDK's useChat and answers with its UI
// message stream.
func (s *Server) sendUIMessage(c echo.Context, caller auth.Caller) error {
	feed, err := s.takeUITurn(c, caller)
	if err != nil {
		return err
	}
	return s.streamUI(c, feed)
}

// takeUITurn has a frame of its own, as send has.
func (s *Server) takeUITurn(c echo.Context, caller auth.Caller) (*chat.Feed, error) {
	turn, err := bindLoosely[uiTurn](s, c, uiBodies*s.BodyLimit)
	if err != nil {
		return nil, err
	}
	ask, err := turn.ask(caller.UserID)
	if err != nil {
		return nil, err
	}
	ctx, cancel := briefly(c.Request().Context())
	defer cancel()
	sent, err := s.Conversations.Ask(ctx, ask)
	if err != nil {
		return nil, turn.locate(err)
	}
	if sent.Replayed {
		c.Response().Header().Set(headerReplayed, "true")
	}
	return s.follow(c, caller, sent.Answer.ID, "")
}

// followUIMessage answers a client that comes back to a chat, always with all of
// the answer. There is nothing to come back to in a chat that nobody knows, which
// a client asks for that opens a new one, nor some time after the answer's end.
func (s *Server) followUIMessage(c echo.Context, caller auth.Caller) error {
	feed, err := s.latestUIMessage(c, caller)
	if errors.Is(err, problem.NotFound) {
		return c.NoContent(http.StatusNoContent)
	}
	if err != nil {
		return err
	}
	return s.streamUI(c, feed)
}

func (s *Server) latestUIMessage(c echo.Context, caller auth.Caller) (*chat.Feed, error) {
	ctx, cancel := briefly(c.Request().Context())
	defer cancel()
	answer, err := s.Conversations.Latest(ctx, caller.UserID, c.Param("id"))
	if err != nil {
		return nil, err
	}
	if answer.Status != chat.StatusStreaming && time.Since(answer.UpdatedAt) > s.Linger {
		return nil, problem.NotFound.New("Nothing is being answered in this conversation.")
	}
	return s.follow(c, caller, answer.ID, "")
}

// streamUI streams an answer from its beginning to its end. Any other end is not
// a clean one: the AI SDK would take what it has by then for the whole answer.
func (s *Server) streamUI(c echo.Context, feed *chat.Feed) error {
	defer feed.Close()
	c.Response().Header().Set(headerUIMessageStream, "v1")
	w, err := s.openGuarded(c)
	defer w.close()
	w.guard.notice = time.Time{} // the AI SDK breaks at events that it does not know
	if err == nil {
		err = pump(c, w, feed, new(uiMessage).frame)
	}
	if err != nil {
		setBroken(c)
	}
	return nil
}
