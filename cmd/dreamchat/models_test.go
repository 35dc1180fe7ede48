package main_test

import (
	"bytes"
	"net/http"
	"slices"
	"testing"

	"dreamchat/pkg/llm/llmtest"
)

func TestModelsAreBroughtInByTheCommand(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at installation) {
		settings := append(openRouter(llmtest.New(t)), at.environment...)
		server := at.start(t, append(openRouter(llmtest.New(t)), "NEW_MODELS_ACTIVE=true")...)
		user := server.register("ada")
		user.reply(http.StatusForbidden, http.MethodPost, "/api/v1/models/sync", nil)

		execute(t, at.folder, settings, "models", "sync", "--provider=openrouter").
			want(t, 0, "openrouter: 1 added, 2 updated, 4 deactivated\n", "+ openrouter/auto\n", "- deepseek/deepseek-chat\n")
		execute(t, at.folder, settings, "models", "sync", "--provider=nobody").want(t, 1, "no provider “nobody”")
		execute(t, at.folder, at.environment, "models", "sync").want(t, 1, "No provider is configured")

		execute(t, at.folder, at.environment, "users", "role", "eve", "ADMIN").want(t, 1, "there is no account")
		execute(t, at.folder, at.environment, "users", "role", "Ada@example.com", "ADMIN").want(t, 0, "ada is ADMIN, on running servers within five seconds")
		eventually(t, "the running server hears of it", func() bool {
			response := user.send(http.MethodPost, "/api/v1/models/sync", nil)
			_ = response.Body.Close()
			return response.StatusCode == http.StatusOK
		})
		server.stop()
	})
}

func TestModelsAreBroughtInOnScheduleByOneInstance(t *testing.T) {
	t.Parallel()
	at := onServers(t)
	a, b := at.twins(t, append(openRouter(llmtest.New(t)), "MODELS_SYNC_EVERY=1m")...)
	eventually(t, "a model is brought in", func() bool {
		return slices.Equal(at.column(t, "SELECT is_active::text FROM ai_models WHERE id = 'openrouter/auto'"), []string{"false"})
	})
	a.stop()
	b.stop()
	if got := at.column(t, "SELECT name FROM leases"); !slices.Equal(got, []string{"models of openrouter"}) {
		t.Errorf("leases: %q", got)
	}
}

// What a provider leaves out of its list must not keep the server from starting.
func TestTheServerStartsWithoutItsDefaultModel(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at installation) {
		settings := append(openRouter(llmtest.New(t)), "DEFAULT_MODEL=deepseek/deepseek-chat")
		at.start(t, settings...).stop()
		execute(t, at.folder, append(settings, at.environment...), "models", "sync").want(t, 0, "- deepseek/deepseek-chat\n")
		server := at.start(t, settings...)
		user := server.register("ada")
		refused := user.reply(http.StatusBadRequest, http.MethodPost, "/api/v1/conversations", nil)
		if !bytes.Contains(refused, []byte(`"code":"model_inactive"`)) || !bytes.Contains(refused, []byte("deepseek/deepseek-chat")) {
			t.Errorf("%s", refused)
		}
		user.reply(http.StatusCreated, http.MethodPost, "/api/v1/conversations", map[string]string{"modelId": "dreamchat/demo"})
		server.stop()
	})
}
