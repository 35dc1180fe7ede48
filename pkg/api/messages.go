package api

import (
	"math"
	"net/http"

	"github.com/labstack/echo/v4"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/id"
	"dreamchat/pkg/problem"
)

const maxCursor = 200

func (s *Server) listMessages(c echo.Context, caller auth.Caller) error {
	conversationID, err := pathID(c)
	if err != nil {
		return err
	}
	query, err := pageQuery(newQuery(c))
	if err != nil {
		return err
	}
	page, err := s.Messages.Page(c.Request().Context(), caller.UserID, conversationID, query)
	if err != nil {
		return err
	}
	return private(c, http.StatusOK, page)
}

func pageQuery(q *query) (chat.PageQuery, error) {
	query := chat.PageQuery{
		Limit:      int(q.integer("limit", 50, 1, 200)),
		Order:      chat.Order(q.oneOf("order", string(chat.NewestFirst), string(chat.OldestFirst))),
		Cursor:     q.values.Get("cursor"),
		Around:     q.values.Get("around"),
		Superseded: q.includes("include", "superseded"),
	}
	starts := 0
	for _, name := range []string{"cursor", "around", "after"} {
		if q.values.Has(name) {
			starts++
		}
	}
	if starts > 1 {
		q.complain("cursor", "cannot be combined with around or after: send one of them")
	}
	if q.values.Has("after") {
		after := q.integer("after", 0, 0, math.MaxInt64)
		query.After = &after
	}
	if err := q.err(); err != nil {
		return query, err
	}
	if q.values.Has("cursor") && (query.Cursor == "" || len(query.Cursor) > maxCursor) {
		return query, problem.InvalidCursor.New("The cursor is not one that we made.")
	}
	if q.values.Has("around") && !id.Valid(query.Around) {
		return query, problem.NotFound.New("There is no such message in this conversation.")
	}
	return query, nil
}

func (s *Server) showMessage(c echo.Context, caller auth.Caller) error {
	messageID, err := pathID(c)
	if err != nil {
		return err
	}
	found, err := s.Messages.Find(c.Request().Context(), caller.UserID, messageID)
	if err != nil {
		return err
	}
	return private(c, http.StatusOK, found)
}

func (s *Server) stopMessage(c echo.Context, caller auth.Caller) error {
	messageID, err := pathID(c)
	if err != nil {
		return err
	}
	answer, running, err := s.Generations.Stop(c.Request().Context(), caller.UserID, messageID)
	if err != nil {
		return err
	}
	if running {
		return private(c, http.StatusAccepted, answer)
	}
	return private(c, http.StatusOK, answer)
}
