package api

import (
	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"dreamchat/pkg/auth"
)

// routes is the whole route table. What openapi.yaml does not describe, or
// describes and is not here, fails the tests. So does a scope that it does not
// describe; without one, a route is for sessions only, or for everybody.
func (s *Server) routes(e *echo.Echo) {
	e.GET("/healthz", s.health)
	e.GET("/readyz", s.ready)
	e.GET("/metrics", echo.WrapHandler(promhttp.HandlerFor(s.Metrics, promhttp.HandlerOpts{})))
	e.GET("/openapi.yaml", s.openAPI, s.anonymous)
	e.GET("/docs", s.docs, s.anonymous)
	e.GET("/docs/:file", s.docsFile, s.anonymous)
	e.GET("/.well-known/jwks.json", s.jwks, s.anonymous)

	v1 := e.Group("/api/v1")
	v1.POST("/auth/register", s.brief(s.register), s.anonymous)
	v1.POST("/auth/login", s.brief(s.login), s.anonymous)
	v1.POST("/auth/refresh", s.brief(s.refresh), s.anonymous)
	v1.POST("/auth/logout", s.brief(s.logout), s.anonymous)
	v1.GET("/auth/me", s.brief(s.session(s.me)))
	v1.POST("/auth/password", s.brief(s.session(s.changePassword)))
	v1.GET("/auth/sessions", s.brief(s.session(s.listSessions)))
	v1.DELETE("/auth/sessions/:id", s.brief(s.session(s.endSession)))
	v1.POST("/auth/stream-tickets", s.brief(s.session(s.createStreamTicket)))
	v1.POST("/auth/api-keys", s.brief(s.session(s.createAPIKey)))
	v1.GET("/auth/api-keys", s.brief(s.session(s.listAPIKeys)))
	v1.DELETE("/auth/api-keys/:id", s.brief(s.session(s.deleteAPIKey)))

	v1.GET("/me/export", s.session(s.exportMe))
	v1.DELETE("/me", s.session(s.deleteMe))
	v1.GET("/admin/users", s.brief(s.admin(s.listAccounts)))
	v1.GET("/admin/users/:id", s.brief(s.admin(s.showAccount)))
	v1.PATCH("/admin/users/:id", s.brief(s.admin(s.changeAccount)))

	v1.GET("/models", s.brief(s.authed(auth.ScopeRead, s.listModels)))
	v1.GET("/models/*", s.brief(s.authed(auth.ScopeRead, s.showModel)))
	v1.PATCH("/models/*", s.brief(s.admin(s.updateModel)))
	v1.POST("/models/sync", s.admin(s.syncModels))

	v1.POST("/conversations", s.brief(s.authed(auth.ScopeChat, s.createConversation)))
	v1.GET("/conversations", s.brief(s.authed(auth.ScopeRead, s.listConversations)))
	v1.GET("/conversations/:id", s.brief(s.authed(auth.ScopeRead, s.showConversation)))
	v1.PATCH("/conversations/:id", s.brief(s.authed(auth.ScopeChat, s.updateConversation)))
	v1.DELETE("/conversations/:id", s.brief(s.authed(auth.ScopeChat, s.deleteConversation)))
	v1.POST("/conversations/:id/fork", s.brief(s.authed(auth.ScopeChat, s.forkConversation)))

	v1.GET("/conversations/:id/messages", s.brief(s.authed(auth.ScopeRead, s.listMessages)))
	v1.POST("/conversations/:id/messages", s.authed(auth.ScopeChat, s.sendMessage))
	v1.POST("/conversations/:id/estimate", s.brief(s.authed(auth.ScopeChat, s.estimate)))
	v1.GET("/messages/:id", s.brief(s.authed(auth.ScopeRead, s.showMessage)))
	v1.GET("/messages/:id/events", s.ticketed(auth.ScopeRead, s.followMessage))
	v1.POST("/messages/:id/stop", s.brief(s.authed(auth.ScopeChat, s.stopMessage)))
	v1.POST("/messages/:id/regenerate", s.authed(auth.ScopeChat, s.regenerateMessage))

	v1.GET("/events", s.ticketed(auth.ScopeRead, s.followChanges))
	v1.GET("/usage", s.brief(s.authed(auth.ScopeRead, s.showUsage)))
	v1.POST("/chat/completions", s.authed(auth.ScopeChat, s.attended(s.createChatCompletion)))
	v1.POST("/ai/chat", s.authed(auth.ScopeChat, s.sendUIMessage))
	v1.GET("/ai/chat/:id/stream", s.authed(auth.ScopeRead, s.followUIMessage))
}
