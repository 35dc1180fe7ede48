package api_test

import (
	"net/http"
	"testing"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/chat"
	"dreamchat/pkg/problem"
)

// OpenAI's clients encode the slashes of an id, people do not.
func TestModelsAreFoundByAnyID(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		ids := map[string][]string{
			"llama3.2:3b":         {"llama3.2:3b", "llama3.2%3A3b"},
			"hf.co/a/b:Q4":        {"hf.co/a/b:Q4", "hf.co%2Fa%2Fb%3AQ4", "hf.co%2fa/b:Q4"},
			"odd/100%/x":          {"odd%2F100%25%2Fx", "odd/100%25/x"},
			"sync":                {"sync"},
			"openai/gpt-4o-mini":  {"openai%2Fgpt-4o-mini"},
			"openai/gpt-4o-mini/": {"openai%2Fgpt-4o-mini%2F"},
		}
		err := s.Store.ChangeModels(t.Context(), func([]chat.Model) ([]chat.Model, error) {
			var added []chat.Model
			for id := range ids {
				if id != apitest.Model {
					added = append(added, chat.Model{ID: id, Name: id, Provider: "openrouter", PricingInput: "0", PricingOutput: "0"})
				}
			}
			return added, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		boss := admin(t, s)
		for id, paths := range ids {
			for _, path := range paths {
				if got := model(boss, path); got.ID != id {
					t.Errorf("at %s is %+v", path, got)
				}
				boss.Do(http.MethodPatch, "/api/v1/models/"+path, map[string]any{"name": "now " + path}).Status(http.StatusOK)
				if got := model(boss, path); got.Name != "now "+path {
					t.Errorf("at %s is %+v", path, got)
				}
			}
		}
		for _, path := range []string{"", "%2F", "openai%252Fgpt-4o-mini", "gpt-4o-mini", "openai//gpt-4o-mini"} {
			boss.Get("/api/v1/models/" + path).Problem(problem.NotFound)
		}
	})
}
