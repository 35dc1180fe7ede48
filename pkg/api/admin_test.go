package api_test

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"testing"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/auth"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/problem"
)

// admin is a user who has become an administrator, and logged in again.
func admin(t *testing.T, s *apitest.Service) *apitest.User {
	t.Helper()
	user := s.User()
	if err := s.Server.Accounts.SetRole(t.Context(), user.Session.User.ID, auth.RoleAdmin); err != nil {
		t.Fatal(err)
	}
	return user
}

type syncCounts struct{ Added, Updated, Deactivated int }

func syncAs(user *apitest.User) syncCounts {
	return apitest.Decode[syncCounts](user.Post("/api/v1/models/sync", nil).Status(http.StatusOK))
}

func model(user *apitest.User, id string) shownModel {
	return apitest.Decode[shownModel](user.Get("/api/v1/models/" + id).Status(http.StatusOK))
}

func patchModel(user *apitest.User, id string, body any) *apitest.Reply {
	return user.Do(http.MethodPatch, "/api/v1/models/"+id, body)
}

func TestOnlyAdministratorsChangeTheCatalogue(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := s.User()
	user.Post("/api/v1/models/sync", nil).Problem(problem.Forbidden)
	patchModel(user, apitest.Model, map[string]any{"isActive": false}).Problem(problem.Forbidden)
	if !model(user, apitest.Model).IsActive {
		t.Error("it was switched off")
	}
}

func TestSyncBringsInTheProvidersList(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		boss := admin(t, s)
		const auto, gone = "openrouter/auto", "deepseek/deepseek-chat"
		if got := syncAs(boss); got != (syncCounts{Added: 1, Updated: 2, Deactivated: 4}) {
			t.Errorf("the first time: %+v", got)
		}
		if got := syncAs(boss); got != (syncCounts{}) {
			t.Errorf("the second time: %+v", got)
		}
		added := model(boss, auto)
		if added.IsActive || added.Pricing.Input != nil || added.Pricing.Output != nil || *added.ContextLength != 2000000 || added.Provider != "openrouter" {
			t.Errorf("added: %+v", added)
		}
		updated := model(boss, apitest.Model)
		if updated.Name != "OpenAI: GPT-4o-mini" || !updated.IsActive || *updated.Pricing.Output != "0.0000006" {
			t.Errorf("updated: %+v", updated)
		}
		if kept := model(boss, "meta-llama/llama-3.1-8b-instruct"); *kept.ContextLength != 131072 {
			t.Errorf("what is not told became %+v", kept)
		}
		if left := model(boss, gone); left.IsActive || left.Name != "DeepSeek V3" || !model(boss, chat.DemoModelID).IsActive {
			t.Errorf("what is not listed: %+v", left)
		}
	})
}

// listed is a provider whose list is told by the test.
type listed []chat.Listing

func (l *listed) ListModels(context.Context) ([]chat.Listing, error) { return *l, nil }

func TestSyncLeavesToPeopleWhatTheyDecided(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		const other = "openai/other"
		price := "0.5"
		list := &listed{{ID: apitest.Model}, {ID: other, PricingInput: &price}, {ID: chat.DemoModelID, Name: "Stolen"}}
		s.Server.Catalogue.Listers, s.Server.Catalogue.NewActive = map[string]chat.ModelLister{"openrouter": list}, true
		boss := admin(t, s)
		syncAs(boss)
		if got := model(boss, other); !got.IsActive || *got.Pricing.Input != price || got.Pricing.Output != nil {
			t.Errorf("new: %+v", got)
		}
		patchModel(boss, apitest.Model, map[string]any{"isActive": false}).Status(http.StatusOK)
		syncAs(boss)
		whole := *list
		*list = listed{{ID: "openai/third"}}
		syncAs(boss)
		if model(boss, other).IsActive {
			t.Error("one that is not listed is active")
		}
		*list = whole
		syncAs(boss)
		if model(boss, apitest.Model).IsActive {
			t.Error("what a person switched off is active")
		}
		if !model(boss, other).IsActive {
			t.Error("what is listed again is not active")
		}
		if got := model(boss, chat.DemoModelID); got.Name == "Stolen" || got.Provider != "demo" {
			t.Errorf("the model of another provider became %+v", got)
		}
	})
}

func TestSyncThatCannotBe(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	boss := admin(t, s)
	boss.Post("/api/v1/models/sync", map[string]any{"provider": "nobody"}).Problem(problem.Invalid)
	s.Server.Catalogue.Listers = nil
	boss.Post("/api/v1/models/sync", nil).Problem(problem.Conflict)
}

func TestAModelIsChangedForEverybodyAtOnce(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		boss, user := admin(t, s), s.User()
		models(user) // and so it is cached
		changed := apitest.Decode[shownModel](patchModel(boss, apitest.Model, map[string]any{
			"name": "Mine", "isActive": false, "contextLength": 4096, "pricing": map[string]any{"input": "0.00000000000000000001"},
		}).Status(http.StatusOK))
		got := model(user, apitest.Model)
		if got.Name != "Mine" || got.IsActive || *got.ContextLength != 4096 ||
			*got.Pricing.Input != "0.00000000000000000001" || *got.Pricing.Output != "0.0000006" || *changed.Pricing.Input != *got.Pricing.Input {
			t.Errorf("it became %+v", got)
		}
		user.Post("/api/v1/conversations", map[string]any{"modelId": apitest.Model}).Problem(problem.InactiveModel)
	})
}

func TestAModelIsNotChangedToNonsense(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	boss := admin(t, s)
	for _, body := range []map[string]any{
		{},
		{"name": " "},
		{"contextLength": 0},
		{"pricing": map[string]any{"input": "-1"}},
		{"pricing": map[string]any{"output": "1e-7"}},
		{"pricing": map[string]any{"input": "0.10"}},
		{"pricing": map[string]any{"input": 0.5}},
	} {
		patchModel(boss, apitest.Model, body).Problem(problem.Invalid)
	}
	patchModel(boss, "openai/gpt-9", map[string]any{"isActive": true}).Problem(problem.NotFound)
}

func TestModelsAreFiltered(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	boss := admin(t, s)
	patchModel(boss, apitest.Model, map[string]any{"isActive": false}).Status(http.StatusOK)
	tags := map[string]string{}
	for filter, want := range map[string][]string{
		"provider=demo":        {chat.DemoModelID},
		"q=LLAMA-3.1-8":        {"meta-llama/llama-3.1-8b-instruct"},
		"q=sonnet":             {"anthropic/claude-3.5-sonnet"},
		"active=false":         {apitest.Model},
		"active=true&q=gpt":    nil,
		"provider=demo&q=gpt4": nil,
	} {
		reply := boss.Get("/api/v1/models?" + filter).Status(http.StatusOK)
		var ids []string
		for _, model := range apitest.Decode[struct{ Data []shownModel }](reply).Data {
			ids = append(ids, model.ID)
		}
		if !slices.Equal(ids, want) {
			t.Errorf("%s: %q, want %q", filter, ids, want)
		}
		tag := reply.Header.Get("ETag")
		if other, taken := tags[tag]; taken && len(want) > 0 {
			t.Errorf("%s and %s have one tag", filter, other)
		}
		tags[tag] = filter
		boss.Get("/api/v1/models?"+filter, "If-None-Match: "+tag).Status(http.StatusNotModified)
		boss.Get("/api/v1/models", "If-None-Match: "+tag).Status(http.StatusOK)
	}
	boss.Get("/api/v1/models?active=" + strconv.Itoa(1)).Problem(problem.Invalid)
}
