package api_test

import (
	"context"
	"database/sql"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dreamchat/pkg/api"
	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/cache"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/problem"
)

// shownModel is a model as the service shows it.
type shownModel struct {
	ID            string `json:"id"`
	Object        string `json:"object"`
	Created       int64  `json:"created"`
	OwnedBy       string `json:"owned_by"`
	Name          string `json:"name"`
	Provider      string `json:"provider"`
	Pricing       struct{ Input, Output *string }
	ContextLength *int `json:"contextLength"`
	IsActive      bool `json:"isActive"`
}

func models(user *apitest.User) []shownModel {
	return apitest.Decode[struct{ Data []shownModel }](user.Get("/api/v1/models").Status(http.StatusOK)).Data
}

func TestModelsAreThoseOfTheCatalogue(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		var prices []string
		for _, model := range models(user) {
			prices = append(prices, model.ID+" "+*model.Pricing.Input+" "+*model.Pricing.Output)
			if model.Object != "model" || model.Created <= 0 || model.Name == "" || !model.IsActive || *model.ContextLength <= 0 ||
				!strings.HasPrefix(model.ID, model.OwnedBy+"/") {
				t.Errorf("%+v", model)
			}
			one := user.Get("/api/v1/models/" + model.ID).Status(http.StatusOK)
			if got := apitest.Decode[shownModel](one); *got.ContextLength != *model.ContextLength || got.ID != model.ID || *got.Pricing.Input != *model.Pricing.Input {
				t.Errorf("in the list %+v, alone %+v", model, got)
			}
		}
		want := []string{
			"anthropic/claude-3.5-sonnet 0.000003 0.000015",
			"deepseek/deepseek-chat 0.0000003 0.0000012",
			"dreamchat/demo 0 0",
			"meta-llama/llama-3.1-70b-instruct 0.0000004 0.0000004",
			"meta-llama/llama-3.1-8b-instruct 0.00000002 0.00000003",
			"mistralai/mistral-small-24b-instruct-2501 0.00000005 0.00000008",
			"openai/gpt-4o-mini 0.00000015 0.0000006",
		}
		if !slices.Equal(prices, want) {
			t.Errorf("the catalogue is\n%s\nwant\n%s", strings.Join(prices, "\n"), strings.Join(want, "\n"))
		}
		for _, unknown := range []string{"openai/gpt-9", "openai/GPT-4o-mini", "openai/%00", "%20/%20", "dreamchat/demo%2Fx"} {
			user.Get("/api/v1/models/" + unknown).Problem(problem.NotFound)
		}
	})
}

func TestModelsAreRevalidated(t *testing.T) {
	t.Parallel()
	user := apitest.Start(t, apitest.Options{}).User()
	for _, path := range []string{"/api/v1/models", "/api/v1/models/openai/gpt-4o-mini"} {
		first := user.Get(path).Status(http.StatusOK)
		tag := first.Header.Get("ETag")
		if tag == "" || first.Header.Get("Cache-Control") != "private, no-cache" {
			t.Errorf("%s: ETag %q, Cache-Control %q", path, tag, first.Header.Get("Cache-Control"))
		}
		for _, known := range []string{tag, "W/" + tag, `"other", ` + tag, "*"} {
			again := user.Get(path, "If-None-Match: "+known).Status(http.StatusNotModified)
			if len(again.Bytes) > 0 || again.Header.Get("ETag") != tag {
				t.Errorf("%s: 304 with %d bytes and ETag %q", path, len(again.Bytes), again.Header.Get("ETag"))
			}
		}
		for _, other := range []string{`"other"`, strings.Trim(tag, `"`), `""`} {
			user.Get(path, "If-None-Match: "+other).Status(http.StatusOK)
		}
	}
	if user.Get("/api/v1/models").Header.Get("ETag") == user.Get("/api/v1/models/openai/gpt-4o-mini").Header.Get("ETag") {
		t.Error("list and model have one tag")
	}
}

func TestModelsWithoutTheirProviderAreNotActive(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Change: func(server *api.Server) {
		server.Models.Providers = chat.Providers{"demo": server.Models.Providers["demo"]}
		server.Models.Default = chat.DemoModelID
	}})
	user := s.User()
	for _, model := range models(user) {
		if model.IsActive != (model.ID == chat.DemoModelID) {
			t.Errorf("%s: active %t", model.ID, model.IsActive)
		}
	}
	conversation := user.Conversation()
	for _, test := range []struct {
		name, model string
		kind        problem.Kind
	}{
		{"not configured", apitest.Model, problem.InactiveModel},
		{"unknown", "openai/gpt-9", problem.UnknownModel},
	} {
		t.Run(test.name, func(t *testing.T) {
			user := user.In(t)
			for name, reply := range map[string]*apitest.Reply{
				"create": user.Post("/api/v1/conversations", map[string]any{"modelId": test.model}),
				"change": patch(user, conversation.ID, map[string]any{"modelId": test.model}),
				"send":   user.Post("/api/v1/conversations/"+conversation.ID+"/messages", map[string]any{"content": "Hi", "modelId": test.model}),
			} {
				document := reply.Problem(test.kind)
				if document.Details["model"] != test.model || !strings.Contains(document.Detail, test.model) {
					t.Errorf("%s: %q, %v do not name the model", name, document.Detail, document.Details)
				}
			}
			reply := user.Post("/api/v1/chat/completions", completion(test.model, "Hi")).Status(http.StatusBadRequest)
			if got := envelope(reply); got.Code != test.kind.Code() || !strings.Contains(got.Message, test.model) {
				t.Errorf("completion: %+v", got)
			}
		})
	}
	if after := show(user, conversation.ID); after != conversation {
		t.Errorf("the conversation became %+v", after)
	}
}

func TestModelsAreSwitchedOffInTheTable(t *testing.T) {
	t.Parallel()
	eachWithSQL(t, func(t *testing.T, s *apitest.Service, db *sql.DB) {
		execute(t, db, `UPDATE ai_models SET is_active = FALSE WHERE id = '`+apitest.Model+`'`)
		user := s.User()
		user.Post("/api/v1/conversations", nil).Problem(problem.InactiveModel)
		user.Post("/api/v1/conversations", map[string]any{"modelId": chat.DemoModelID}).Status(http.StatusCreated)
		shown := apitest.Decode[shownModel](user.Get("/api/v1/models/" + apitest.Model).Status(http.StatusOK))
		if shown.IsActive {
			t.Error("it is shown as active")
		}
	})
}

func TestModelsAreCached(t *testing.T) {
	t.Parallel()
	eachWithSQL(t, func(t *testing.T, s *apitest.Service, db *sql.DB) {
		user := s.User()
		before := user.Get("/api/v1/models").Status(http.StatusOK)
		execute(t, db, `UPDATE ai_models SET name = 'Renamed' WHERE id = '`+apitest.Model+`'`)
		after := user.Get("/api/v1/models").Status(http.StatusOK)
		if string(after.Bytes) != string(before.Bytes) {
			t.Errorf("the list changed within its time: %s", after.Bytes)
		}
		user.Get("/api/v1/models", "If-None-Match: "+before.Header.Get("ETag")).Status(http.StatusNotModified)
	})
}

// countedModels is a catalogue that takes its time and counts who asks.
type countedModels struct {
	chat.ModelStore
	loads atomic.Int64
	wait  time.Duration
}

func (c *countedModels) Models(ctx context.Context) ([]chat.Model, error) {
	c.loads.Add(1)
	<-time.After(c.wait)
	return c.ModelStore.Models(ctx)
}

func TestModelsAreLoadedAnewAfterTheirTime(t *testing.T) {
	t.Parallel()
	process, err := cache.NewProcess(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	defer process.Close()
	counted := new(countedModels)
	user := apitest.Start(t, apitest.Options{Cache: process, Change: func(server *api.Server) {
		counted.ModelStore, server.Models.Store = server.Models.Store, counted
		server.Models.Cache = &cache.Value[[]chat.Model]{Versioned: cache.Versioned{Store: process, Name: "models", TTL: 50 * time.Millisecond}}
	}}).User()
	apitest.Eventually(t, "the list is loaded three times", func() bool {
		user.Get("/api/v1/models").Status(http.StatusOK)
		return counted.loads.Load() == 3
	})
}

func TestModelsAreLoadedOnceUnderAStampede(t *testing.T) {
	t.Parallel()
	counted := &countedModels{wait: 300 * time.Millisecond}
	user := apitest.Start(t, apitest.Options{Change: func(server *api.Server) {
		counted.ModelStore, server.Models.Store = server.Models.Store, counted
	}}).User()
	var callers sync.WaitGroup
	for range 100 {
		callers.Go(func() {
			if got := len(models(user)); got != 7 {
				t.Errorf("%d models", got)
			}
		})
	}
	callers.Wait()
	if got := counted.loads.Load(); got != 1 {
		t.Errorf("100 callers made %d loads", got)
	}
}
