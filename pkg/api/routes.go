package api

import (
	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// routes is the whole route table. What openapi.yaml does not describe, or
// describes and is not here, fails the tests.
func (s *Server) routes(e *echo.Echo) {
	e.GET("/healthz", s.health)
	e.GET("/readyz", s.ready)
	e.GET("/metrics", echo.WrapHandler(promhttp.HandlerFor(s.Metrics, promhttp.HandlerOpts{})))
	e.GET("/openapi.yaml", s.openAPI)
	e.GET("/docs", s.docs)
	e.GET("/docs/:file", s.docsFile)
	e.GET("/.well-known/jwks.json", s.jwks)

	v1 := e.Group("/api/v1")
	v1.POST("/auth/register", s.register)
	v1.POST("/auth/login", s.login)
	v1.POST("/auth/refresh", s.refresh)
	v1.POST("/auth/logout", s.logout)
	v1.GET("/auth/me", s.authed(s.me))
	v1.POST("/auth/stream-tickets", s.authed(s.createStreamTicket))

	v1.GET("/models", s.authed(s.listModels))
	v1.GET("/models/:provider/:name", s.authed(s.showModel))

	v1.POST("/conversations", s.authed(s.createConversation))
	v1.GET("/conversations", s.authed(s.listConversations))
	v1.GET("/conversations/:id", s.authed(s.showConversation))
	v1.PATCH("/conversations/:id", s.authed(s.updateConversation))
	v1.DELETE("/conversations/:id", s.authed(s.deleteConversation))

	v1.GET("/conversations/:id/messages", s.authed(s.listMessages))
	v1.POST("/conversations/:id/messages", s.authed(s.sendMessage))
	v1.GET("/messages/:id", s.authed(s.showMessage))
	v1.GET("/messages/:id/events", s.ticketed(s.followMessage))
	v1.POST("/messages/:id/stop", s.authed(s.stopMessage))
	v1.POST("/messages/:id/regenerate", s.authed(s.regenerateMessage))

	v1.GET("/usage", s.authed(s.showUsage))
	v1.POST("/chat/completions", s.createChatCompletion)
}
