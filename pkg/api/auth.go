package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"dreamchat/pkg/auth"
)

type registration struct {
	Email    string `json:"email" validate:"required,max=254,email"`
	Username string `json:"username" validate:"required,min=3,max=32,username"`
	Password string `json:"password" validate:"required,min=8,max=128,bytes512"`
}

func (s *Server) register(c echo.Context) error {
	body, err := bind[registration](s, c)
	if err != nil {
		return err
	}
	session, err := s.Accounts.Register(c.Request().Context(), auth.Registration(body), clientOf(c))
	if err != nil {
		return err
	}
	return private(c, http.StatusCreated, session)
}

type credentials struct {
	Username string `json:"username" validate:"required,max=254"`
	Password string `json:"password" validate:"required,max=128,bytes512"`
}

func (s *Server) login(c echo.Context) error {
	body, err := bind[credentials](s, c)
	if err != nil {
		return err
	}
	session, err := s.Accounts.Login(c.Request().Context(), body.Username, body.Password, clientOf(c))
	if err != nil {
		return err
	}
	return private(c, http.StatusOK, session)
}

type refreshRequest struct {
	RefreshToken string `json:"refreshToken" validate:"required,max=512"`
}

func (s *Server) refresh(c echo.Context) error {
	body, err := bind[refreshRequest](s, c)
	if err != nil {
		return err
	}
	session, err := s.Accounts.Refresh(c.Request().Context(), body.RefreshToken, clientOf(c))
	if err != nil {
		return err
	}
	return private(c, http.StatusOK, session)
}

func (s *Server) logout(c echo.Context) error {
	body, err := bind[refreshRequest](s, c)
	if err != nil {
		return err
	}
	if err := s.Accounts.Logout(c.Request().Context(), body.RefreshToken); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

func (s *Server) me(c echo.Context, caller auth.Caller) error {
	user, err := s.Accounts.User(c.Request().Context(), caller.UserID)
	if err != nil {
		return err
	}
	return private(c, http.StatusOK, user)
}

// jwks may be kept for less than a new key is published before it signs.
func (s *Server) jwks(c echo.Context) error {
	c.Response().Header().Set(echo.HeaderCacheControl, "public, max-age=30")
	return c.JSON(http.StatusOK, s.Tokens.JWKS())
}

// private answers with JSON that no cache may keep.
func private(c echo.Context, status int, body any) error {
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	return c.JSON(status, body)
}
