package api

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/chat"
)

// modelView is a model as OpenAI's wire shows it, with our fields beside.
type modelView struct {
	ID            string  `json:"id"`
	Object        string  `json:"object"`
	Created       int64   `json:"created"`
	OwnedBy       string  `json:"owned_by"`
	Name          string  `json:"name"`
	Provider      string  `json:"provider"`
	Description   string  `json:"description"`
	Pricing       pricing `json:"pricing"`
	ContextLength *int    `json:"contextLength"`
	IsActive      bool    `json:"isActive"`
}

type pricing struct {
	Input  *string `json:"input"`
	Output *string `json:"output"`
}

type modelList struct {
	Object string      `json:"object"`
	Data   []modelView `json:"data"`
}

func (s *Server) listModels(c echo.Context, _ auth.Caller) error {
	q := newQuery(c)
	search := chat.ModelQuery{Provider: q.text("provider", maxSearch), Search: q.text("q", maxSearch), Active: q.boolean("active")}
	if err := q.err(); err != nil {
		return err
	}
	models, err := s.Models.List(c.Request().Context())
	if err != nil {
		return err
	}
	list := modelList{Object: "list", Data: make([]modelView, 0, len(models))}
	for _, model := range models {
		if !search.Matches(model) {
			continue
		}
		list.Data = append(list.Data, view(model))
	}
	return revalidated(c, list)
}

func (s *Server) showModel(c echo.Context, _ auth.Caller) error {
	model, err := s.Models.Find(c.Request().Context(), modelID(c))
	if err != nil {
		return err
	}
	return revalidated(c, view(model))
}

func view(model chat.Model) modelView {
	owner, _, _ := strings.Cut(model.ID, "/")
	shown := modelView{
		ID:          model.ID,
		Object:      "model",
		Created:     model.CreatedAt.Unix(),
		OwnedBy:     owner,
		Name:        model.Name,
		Provider:    model.Provider,
		Description: model.Description,
		Pricing:     pricing{Input: known(model.PricingInput), Output: known(model.PricingOutput)},
		IsActive:    model.IsActive,
	}
	if model.ContextLength > 0 {
		shown.ContextLength = &model.ContextLength
	}
	return shown
}

// known is nil for a price that is not.
func known(price string) *string {
	if price == "" {
		return nil
	}
	return &price
}

// revalidated answers with JSON that a client may keep and ask about again.
func revalidated(c echo.Context, body any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return tagged(c, echo.MIMEApplicationJSON, text)
}

// tagged answers 304 if the client has these bytes already (RFC 9110, section
// 13.1.2).
func tagged(c echo.Context, contentType string, body []byte) error {
	sum := sha256.Sum256(body)
	tag := `"` + hex.EncodeToString(sum[:16]) + `"`
	header := c.Response().Header()
	header.Set(headerETag, tag)
	header.Set(echo.HeaderCacheControl, "private, no-cache")
	for known := range strings.SplitSeq(c.Request().Header.Get(headerIfNoneMatch), ",") {
		known = strings.TrimPrefix(strings.TrimSpace(known), "W/")
		if known == tag || known == "*" {
			return c.NoContent(http.StatusNotModified)
		}
	}
	return c.Blob(http.StatusOK, contentType, body)
}
