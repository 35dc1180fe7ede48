package api

import (
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/problem"
)

// admin asks for a token of an administrator.
func (s *Server) admin(next handler) echo.HandlerFunc {
	return s.session(func(c echo.Context, caller auth.Caller) error {
		if caller.Role != auth.RoleAdmin {
			return problem.Forbidden.New("Only administrators may do this.")
		}
		return next(c, caller)
	})
}

type modelSync struct {
	Provider string `json:"provider" validate:"max=100"`
}

type modelSyncCounts struct {
	Added       int `json:"added"`
	Updated     int `json:"updated"`
	Deactivated int `json:"deactivated"`
}

// syncModels waits for providers, and so is not brief.
func (s *Server) syncModels(c echo.Context, _ auth.Caller) error {
	body, err := bindOptional[modelSync](s, c)
	if err != nil {
		return err
	}
	var names []string
	if body.Provider != "" {
		names = append(names, body.Provider)
	}
	changes, err := s.Catalogue.Sync(c.Request().Context(), names...)
	if err != nil {
		return err
	}
	var counts modelSyncCounts
	for _, change := range changes {
		counts.Added += len(change.Added)
		counts.Updated += len(change.Updated)
		counts.Deactivated += len(change.Deactivated)
	}
	return private(c, http.StatusOK, counts)
}

type modelPatch struct {
	Name          *string       `json:"name" validate:"omitnil,notblank,max=200"`
	IsActive      *bool         `json:"isActive"`
	Pricing       *pricingPatch `json:"pricing"`
	ContextLength *int          `json:"contextLength" validate:"omitnil,min=1,max=2147483647"`
}

type pricingPatch struct {
	Input  *string `json:"input"`
	Output *string `json:"output"`
}

func (s *Server) updateModel(c echo.Context, _ auth.Caller) error {
	body, err := bind[modelPatch](s, c)
	if err != nil {
		return err
	}
	if body == (modelPatch{}) {
		return problem.Invalid.New("Name at least one field to change.")
	}
	patch := chat.ModelPatch{Name: body.Name, IsActive: body.IsActive, ContextLength: body.ContextLength}
	if body.Pricing != nil {
		patch.PricingInput, patch.PricingOutput = body.Pricing.Input, body.Pricing.Output
	}
	if err := invalid(body.Pricing.broken()); err != nil {
		return err
	}
	ctx, id := c.Request().Context(), modelID(c)
	if err := s.Catalogue.Update(ctx, id, patch); err != nil {
		return err
	}
	model, err := s.Models.Find(ctx, id)
	if err != nil {
		return err
	}
	return private(c, http.StatusOK, view(model))
}

func (p *pricingPatch) broken() []problem.Field {
	if p == nil {
		return nil
	}
	var wrong []problem.Field
	for pointer, price := range map[string]*string{"/pricing/input": p.Input, "/pricing/output": p.Output} {
		if price != nil && !priceForm.MatchString(*price) {
			wrong = append(wrong, problem.Field{Pointer: pointer, Detail: "must be a decimal such as 0.00000015, in a string"})
		}
	}
	return wrong
}

// modelID is the rest of the path, since an id may hold slashes, plain or encoded.
func modelID(c echo.Context) string {
	return strings.TrimPrefix(c.Request().URL.Path, strings.TrimSuffix(c.Path(), "*"))
}
