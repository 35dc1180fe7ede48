package api

import (
	"bytes"
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/problem"
)

const pathChatCompletions = "/api/v1/chat/completions"

// createChatCompletion speaks OpenAI's wire: the request goes to the provider as
// its caller wrote it, and so does the answer come back.
func (s *Server) createChatCompletion(c echo.Context, caller auth.Caller) error {
	asked, err := s.completionRequest(c)
	if err != nil {
		return err
	}
	if asked.store {
		return s.storeCompletion(c, caller, asked)
	}
	ctx, cancel := context.WithCancel(c.Request().Context())
	defer cancel()
	deltas, err := s.Completions.Stream(ctx, chat.Wanted{
		UserID:    caller.UserID,
		ModelID:   asked.model,
		Fallbacks: asked.fallbacks,
		Raw:       asked.raw,
	})
	if err != nil {
		return err
	}
	if !asked.raw.Stream {
		var body []byte
		for delta, err := range deltas {
			if err != nil {
				return err
			}
			if delta.Raw != nil {
				body = bytes.Clone(delta.Raw)
			}
		}
		return s.wholeCompletion(c, body)
	}
	out := s.chunkWriter(c)
	defer out.close()
	for delta, err := range deltas {
		if err != nil {
			return out.end(err)
		}
		if delta.Raw == nil {
			continue
		}
		if !out.chunks(delta.Raw) {
			return nil // the client has gone
		}
	}
	return out.end(nil)
}

// wholeCompletion answers with what the provider sent in one piece.
func (s *Server) wholeCompletion(c echo.Context, body []byte) error {
	if body == nil {
		return problem.Upstream.New("The model provider sent no answer.")
	}
	// Only a recorder in a test has no deadline.
	_ = http.NewResponseController(c.Response()).SetWriteDeadline(time.Now().Add(s.WriteTimeout))
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	return c.Blob(http.StatusOK, echo.MIMEApplicationJSON, body)
}
