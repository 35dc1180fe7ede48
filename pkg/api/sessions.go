package api

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"dreamchat/pkg/auth"
)

// clientOf is who asks for a session, as its owner is shown later.
func clientOf(c echo.Context) auth.Client {
	return auth.Client{UserAgent: c.Request().UserAgent(), Address: c.RealIP()}
}

type openSession struct {
	auth.Device
	// Current marks the session that the request itself belongs to.
	Current bool `json:"current"`
}

type sessionList struct {
	Data []openSession `json:"data"`
}

func (s *Server) listSessions(c echo.Context, caller auth.Caller) error {
	open, err := s.sessionsOf(c.Request().Context(), caller)
	if err != nil {
		return err
	}
	return private(c, http.StatusOK, sessionList{Data: open})
}

func (s *Server) sessionsOf(ctx context.Context, caller auth.Caller) ([]openSession, error) {
	devices, err := s.Accounts.Devices(ctx, caller.UserID)
	open := make([]openSession, len(devices))
	for i, device := range devices {
		open[i] = openSession{Device: device, Current: device.ID == caller.SessionID}
	}
	return open, err
}

func (s *Server) endSession(c echo.Context, caller auth.Caller) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	if err := s.Accounts.EndDevice(c.Request().Context(), caller.UserID, id); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

type passwordChange struct {
	CurrentPassword string `json:"currentPassword" validate:"required,max=128,bytes512"`
	NewPassword     string `json:"newPassword" validate:"required,min=8,max=128,bytes512"`
}

func (s *Server) changePassword(c echo.Context, caller auth.Caller) error {
	body, err := bind[passwordChange](s, c)
	if err != nil {
		return err
	}
	err = s.Accounts.ChangePassword(c.Request().Context(), caller.UserID, caller.SessionID, body.CurrentPassword, body.NewPassword, clientOf(c))
	if err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}
