package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/problem"
)

const (
	maxOffset = 10_000
	maxSearch = 200
)

type newConversation struct {
	Title   string `json:"title" validate:"max=500"`
	ModelID string `json:"modelId" validate:"max=200"`
}

func (s *Server) createConversation(c echo.Context, caller auth.Caller) error {
	body, err := bindOptional[newConversation](s, c)
	if err != nil {
		return err
	}
	made, err := s.Conversations.Create(c.Request().Context(), caller.UserID, body.Title, body.ModelID)
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderLocation, "/api/v1/conversations/"+made.ID)
	return private(c, http.StatusCreated, made)
}

func (s *Server) listConversations(c echo.Context, caller auth.Caller) error {
	q := newQuery(c)
	query := chat.ConversationQuery{
		Limit:    int(q.integer("limit", 20, 1, 100)),
		Offset:   int(q.integer("offset", 0, 0, maxOffset)),
		Archived: q.boolean("archived"),
		Search:   q.text("q", maxSearch),
	}
	if err := q.err(); err != nil {
		return err
	}
	page, err := s.Conversations.List(c.Request().Context(), caller.UserID, query)
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	return c.JSONBlob(http.StatusOK, page)
}

func (s *Server) showConversation(c echo.Context, caller auth.Caller) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	found, err := s.Conversations.Find(c.Request().Context(), caller.UserID, id)
	if err != nil {
		return err
	}
	return private(c, http.StatusOK, found)
}

type conversationPatch struct {
	Title      *string `json:"title" validate:"omitnil,max=500"`
	ModelID    *string `json:"modelId" validate:"omitnil,min=1,max=200"`
	IsPinned   *bool   `json:"isPinned"`
	IsArchived *bool   `json:"isArchived"`
}

func (s *Server) updateConversation(c echo.Context, caller auth.Caller) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	body, err := bind[conversationPatch](s, c)
	if err != nil {
		return err
	}
	if body == (conversationPatch{}) {
		return problem.Invalid.New("Name at least one field to change.")
	}
	changed, err := s.Conversations.Update(c.Request().Context(), caller.UserID, id, chat.ConversationPatch(body))
	if err != nil {
		return err
	}
	return private(c, http.StatusOK, changed)
}

func (s *Server) deleteConversation(c echo.Context, caller auth.Caller) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	if err := s.Conversations.Delete(c.Request().Context(), caller.UserID, id); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}
