package store_test

import (
	"slices"
	"strings"
	"testing"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/store"
	"dreamchat/pkg/store/storetest"
)

func TestCatalogueIsSeeded(t *testing.T) {
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		models, err := s.Models(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !slices.IsSortedFunc(models, func(a, b chat.Model) int { return strings.Compare(a.ID, b.ID) }) {
			t.Error("the catalogue is not ordered by id")
		}
		prices := map[string][2]string{
			"anthropic/claude-3.5-sonnet":               {"0.000003", "0.000015"},
			"deepseek/deepseek-chat":                    {"0.0000003", "0.0000012"},
			chat.DemoModelID:                            {"0", "0"},
			"meta-llama/llama-3.1-70b-instruct":         {"0.0000004", "0.0000004"},
			"meta-llama/llama-3.1-8b-instruct":          {"0.00000002", "0.00000003"},
			"mistralai/mistral-small-24b-instruct-2501": {"0.00000005", "0.00000008"},
			"openai/gpt-4o-mini":                        {"0.00000015", "0.0000006"},
		}
		if len(models) != len(prices) {
			t.Errorf("the catalogue holds %d models", len(models))
		}
		for _, model := range models {
			if got := [2]string{model.PricingInput, model.PricingOutput}; got != prices[model.ID] {
				t.Errorf("%s costs %v", model.ID, got)
			}
			provider := "openrouter"
			if model.ID == chat.DemoModelID {
				provider = "demo"
			}
			if model.Provider != provider || model.Name == "" || model.ContextLength < 8192 ||
				!model.IsActive || model.CreatedAt.IsZero() {
				t.Errorf("the model is %+v", model)
			}
		}
	})
}
