package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"dreamchat/pkg/auth"
)

type fork struct {
	MessageID string `json:"messageId" validate:"required"`
}

func (s *Server) forkConversation(c echo.Context, caller auth.Caller) error {
	conversationID, err := pathID(c)
	if err != nil {
		return err
	}
	body, err := bind[fork](s, c)
	if err != nil {
		return err
	}
	messageID, err := validID(body.MessageID)
	if err != nil {
		return err
	}
	made, err := s.Conversations.Fork(c.Request().Context(), caller.UserID, conversationID, messageID)
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderLocation, "/api/v1/conversations/"+made.ID)
	return private(c, http.StatusCreated, made)
}
