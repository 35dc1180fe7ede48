package api

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/chat"
)

const (
	usageDefault = 30 * 24 * time.Hour
	usageMost    = 366 * 24 * time.Hour
)

type usageReport struct {
	From    time.Time       `json:"from"`
	To      time.Time       `json:"to"`
	GroupBy chat.UsageGroup `json:"groupBy"`
	Data    []chat.UsageRow `json:"data"`
	Total   chat.UsageSum   `json:"total"`
	Titles  chat.UsageSum   `json:"titles"`
	// Budgets are of now, whatever span was asked for.
	Budgets []chat.BudgetPeriod `json:"budgets"`
}

func (s *Server) showUsage(c echo.Context, caller auth.Caller) error {
	q := newQuery(c)
	to := q.when("to", time.Now().UTC().Truncate(time.Microsecond))
	query := chat.UsageQuery{
		From:    q.when("from", to.Add(-usageDefault)),
		To:      to,
		GroupBy: chat.UsageGroup(q.oneOf("groupBy", string(chat.UsageByDay), string(chat.UsageByModel), string(chat.UsageByConversation))),
	}
	if span := query.To.Sub(query.From); span <= 0 || span > usageMost {
		q.complain("from", "must be before to, by 366 days at most")
	}
	if err := q.err(); err != nil {
		return err
	}
	ctx := c.Request().Context()
	report, err := s.Usage.Usage(ctx, caller.UserID, query)
	if err != nil {
		return err
	}
	budgets, err := s.Budgets.Periods(ctx, caller.UserID)
	if err != nil {
		return err
	}
	return private(c, http.StatusOK, usageReport{
		From: query.From, To: query.To, GroupBy: query.GroupBy,
		Data: report.Groups, Total: report.Total, Titles: report.Titles, Budgets: budgets,
	})
}
