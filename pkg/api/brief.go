package api

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/problem"
)

// briefTime bounds what the database and the cache may take to answer a request,
// so that one that stands still does not hold everybody for ever.
const briefTime = 10 * time.Second

// latePause is when to come again after that.
const latePause = 5 * time.Second

// briefly bounds the context of a request for what must not take long. It is
// problem.Unavailable in the end.
func briefly(ctx context.Context) (context.Context, context.CancelFunc) {
	late := problem.Unavailable.New("This takes too long. Try again in a moment.").After(latePause)
	return context.WithTimeoutCause(ctx, briefTime, late)
}

// brief is for requests that neither stream nor wait for a model. A client that
// does not take the answer is given up as one of a stream is.
func (s *Server) brief(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		ctx, cancel := briefly(c.Request().Context())
		defer cancel()
		// It holds until the answer is out; the server takes it from the connection
		// before the next request. Only a recorder in a test has none.
		_ = http.NewResponseController(c.Response()).SetWriteDeadline(time.Now().Add(briefTime + s.WriteTimeout))
		request := c.Request()
		defer c.SetRequest(request) // an error is rendered after the cancellation
		c.SetRequest(request.WithContext(ctx))
		return next(c)
	}
}

// follow finds the stream of an answer briefly.
func (s *Server) follow(c echo.Context, caller auth.Caller, messageID, cursor string) (*chat.Feed, error) {
	ctx, cancel := briefly(c.Request().Context())
	defer cancel()
	return s.Generations.Follow(ctx, caller.UserID, messageID, cursor)
}
