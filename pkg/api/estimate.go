package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/chat"
)

type estimateRequest struct {
	Content   string `json:"content" validate:"notblank"`
	ModelID   string `json:"modelId" validate:"max=200"`
	MaxTokens *int   `json:"maxTokens" validate:"omitnil,min=1,max=200000"`
}

// estimateReply is the range with what may be spent.
type estimateReply struct {
	chat.Estimate
	Budgets []chat.BudgetPeriod `json:"budgets"`
}

func (s *Server) estimate(c echo.Context, caller auth.Caller) error {
	conversationID, err := pathID(c)
	if err != nil {
		return err
	}
	body, err := bind[estimateRequest](s, c)
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	estimate, err := s.Generations.Estimate(ctx, chat.Prompt{
		UserID:         caller.UserID,
		ConversationID: conversationID,
		Content:        body.Content,
		ModelID:        body.ModelID,
		MaxTokens:      body.MaxTokens,
	})
	if err != nil {
		return err
	}
	budgets, err := s.Budgets.Periods(ctx, caller.UserID)
	if err != nil {
		return err
	}
	return private(c, http.StatusOK, estimateReply{Estimate: estimate, Budgets: budgets})
}
