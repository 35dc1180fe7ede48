package api

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"dreamchat/pkg/auth"
)

// newAPIKey asks for a key that is good for a minute to a year.
type newAPIKey struct {
	Name      string       `json:"name" validate:"required,notblank,max=100"`
	Scopes    []auth.Scope `json:"scopes" validate:"omitnil,min=1,max=2,dive,oneof=chat read"`
	ExpiresIn *int         `json:"expiresIn" validate:"omitnil,min=60,max=31536000"`
}

// createdAPIKey is the only answer that holds the key itself.
type createdAPIKey struct {
	auth.APIKey
	Key string `json:"key"`
}

func (s *Server) createAPIKey(c echo.Context, caller auth.Caller) error {
	body, err := bind[newAPIKey](s, c)
	if err != nil {
		return err
	}
	var lifetime time.Duration
	if body.ExpiresIn != nil {
		lifetime = time.Duration(*body.ExpiresIn) * time.Second
	}
	text, key, err := s.APIKeys.Create(c.Request().Context(), caller.UserID, body.Name, body.Scopes, lifetime)
	if err != nil {
		return err
	}
	return private(c, http.StatusCreated, createdAPIKey{APIKey: key, Key: text})
}

type apiKeyList struct {
	Data []auth.APIKey `json:"data"`
}

func (s *Server) listAPIKeys(c echo.Context, caller auth.Caller) error {
	keys, err := s.APIKeys.List(c.Request().Context(), caller.UserID)
	if err != nil {
		return err
	}
	return private(c, http.StatusOK, apiKeyList{Data: keys})
}

func (s *Server) deleteAPIKey(c echo.Context, caller auth.Caller) error {
	id, err := pathID(c)
	if err != nil {
		return err
	}
	if err := s.APIKeys.Delete(c.Request().Context(), caller.UserID, id); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}
