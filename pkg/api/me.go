package api

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"dreamchat/pkg/auth"
)

// deleteMe takes as long as it takes. It goes on if the caller leaves, whose
// credentials are good for nothing from the beginning of it.
func (s *Server) deleteMe(c echo.Context, caller auth.Caller) error {
	if err := s.Deletions.Delete(c.Request().Context(), caller.UserID); err != nil {
		return err
	}
	// Only a recorder in a test has no deadline.
	_ = http.NewResponseController(c.Response()).SetWriteDeadline(time.Now().Add(s.WriteTimeout))
	return c.NoContent(http.StatusNoContent)
}
