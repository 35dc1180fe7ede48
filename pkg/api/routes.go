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
	v1.POST("/auth/register", s.brief(s.register))
	v1.POST("/auth/login", s.brief(s.login))
	v1.POST("/auth/refresh", s.brief(s.refresh))
	v1.POST("/auth/logout", s.brief(s.logout))
	v1.GET("/auth/me", s.brief(s.authed(s.me)))
	v1.POST("/auth/stream-tickets", s.brief(s.authed(s.createStreamTicket)))

	v1.GET("/models", s.brief(s.authed(s.listModels)))
	v1.GET("/models/:provider/:name", s.brief(s.authed(s.showModel)))
	v1.PATCH("/models/:provider/:name", s.brief(s.admin(s.updateModel)))
	v1.POST("/models/sync", s.admin(s.syncModels))

	v1.POST("/conversations", s.brief(s.authed(s.createConversation)))
	v1.GET("/conversations", s.brief(s.authed(s.listConversations)))
	v1.GET("/conversations/:id", s.brief(s.authed(s.showConversation)))
	v1.PATCH("/conversations/:id", s.brief(s.authed(s.updateConversation)))
	v1.DELETE("/conversations/:id", s.brief(s.authed(s.deleteConversation)))
	v1.POST("/conversations/:id/fork", s.brief(s.authed(s.forkConversation)))

	v1.GET("/conversations/:id/messages", s.brief(s.authed(s.listMessages)))
	v1.POST("/conversations/:id/messages", s.authed(s.sendMessage))
	v1.POST("/conversations/:id/estimate", s.brief(s.authed(s.estimate)))
	v1.GET("/messages/:id", s.brief(s.authed(s.showMessage)))
	v1.GET("/messages/:id/events", s.ticketed(s.followMessage))
	v1.POST("/messages/:id/stop", s.brief(s.authed(s.stopMessage)))
	v1.POST("/messages/:id/regenerate", s.authed(s.regenerateMessage))

	v1.GET("/events", s.ticketed(s.followChanges))
	v1.GET("/usage", s.brief(s.authed(s.showUsage)))
	v1.POST("/chat/completions", s.createChatCompletion)
	v1.POST("/ai/chat", s.authed(s.sendUIMessage))
	v1.GET("/ai/chat/:id/stream", s.authed(s.followUIMessage))
}
