package api

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/problem"
)

// account is a user as administrators see it.
type account struct {
	auth.User
	Suspended   bool       `json:"suspended"`
	SuspendedAt *time.Time `json:"suspendedAt,omitempty"`
}

type accountPage struct {
	Data       []account `json:"data"`
	NextCursor *string   `json:"nextCursor"`
	HasMore    bool      `json:"hasMore"`
}

func accountOf(found auth.Account) account {
	return account{User: found.User, Suspended: found.SuspendedAt != nil, SuspendedAt: found.SuspendedAt}
}

func (s *Server) listAccounts(c echo.Context, _ auth.Caller) error {
	q := newQuery(c)
	query := auth.AccountQuery{
		Limit:     int(q.integer("limit", 20, 1, 100)),
		Search:    q.text("q", maxEmail),
		Suspended: q.boolean("suspended"),
	}
	if q.values.Has("role") {
		query.Role = auth.Role(q.oneOf("role", string(auth.RoleUser), string(auth.RoleAdmin)))
	}
	if err := q.err(); err != nil {
		return err
	}
	cursor := q.values.Get("cursor")
	if q.values.Has("cursor") && (cursor == "" || len(cursor) > maxCursor) {
		return problem.InvalidCursor.New("The cursor is not one that we made.")
	}
	found, err := s.Accounts.List(c.Request().Context(), query, cursor)
	if err != nil {
		return err
	}
	page := accountPage{
		Data: make([]account, len(found.Data)), NextCursor: found.NextCursor, HasMore: found.NextCursor != nil,
	}
	for i, one := range found.Data {
		page.Data[i] = accountOf(one)
	}
	return private(c, http.StatusOK, page)
}

func (s *Server) showAccount(c echo.Context, _ auth.Caller) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	found, err := s.Accounts.Account(c.Request().Context(), id)
	if err != nil {
		return err
	}
	return private(c, http.StatusOK, accountOf(found))
}

type accountPatch struct {
	Role      *string `json:"role" validate:"omitnil,oneof=USER ADMIN"`
	Suspended *bool   `json:"suspended"`
}

func (s *Server) changeAccount(c echo.Context, caller auth.Caller) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	body, err := bind[accountPatch](s, c)
	if err != nil {
		return err
	}
	if body == (accountPatch{}) {
		return problem.Invalid.New("Name at least one field to change.")
	}
	changed, err := s.Accounts.Change(c.Request().Context(), auth.AccountChange{
		By: caller.UserID, ID: id, Role: (*auth.Role)(body.Role), Suspended: body.Suspended,
	})
	if err != nil {
		return err
	}
	return private(c, http.StatusOK, accountOf(changed))
}

// maxEmail bounds an email, and so what is looked for in one, in characters.
const maxEmail = 254
