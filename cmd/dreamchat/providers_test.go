package main_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm/llmtest"
)

// serves gives a model of the catalogue to a provider. The catalogue is cached,
// so it goes before the server starts.
func serves(t *testing.T, at installation, provider, model string) {
	t.Helper()
	at.column(t, `UPDATE ai_models SET provider = '`+provider+`' WHERE id = '`+model+`' RETURNING id`)
}

func TestModelsAreAskedAtTheirProviders(t *testing.T) {
	t.Parallel()
	at := onSQLite(t)
	execute(t, at.folder, at.environment, "migrate", "up").want(t, 0)
	providers := map[string]string{
		"meta-llama/llama-3.1-8b-instruct": "openrouter",
		"deepseek/deepseek-chat":           "ollama",
		"openai/gpt-4o-mini":               "my-lab",
	}
	keys := map[string]string{"openrouter": "Bearer sk-or-secret", "ollama": "", "my-lab": "Bearer sk-lab-secret"}
	routers := make(map[string]*llmtest.Router)
	for model, provider := range providers {
		serves(t, at, provider, model)
		routers[provider] = llmtest.New(t)
		routers[provider].Script(llmtest.Answer("From " + provider))
	}
	server := at.start(t, append(openRouter(routers["openrouter"]),
		"OLLAMA_URL="+strings.TrimSuffix(routers["ollama"].URL, "/v1")+"/",
		"PROVIDERS=my-lab="+routers["my-lab"].URL, "PROVIDER_MY_LAB_KEY=sk-lab-secret", "TITLES=false")...)
	user := server.register("ada")
	for model, provider := range providers {
		answered := want[struct{ Message chat.Message }](user, http.StatusCreated, http.MethodPost,
			"/api/v1/conversations/"+user.conversation().ID+"/messages",
			map[string]string{"content": "Hi", "modelId": model}, "Accept: application/json")
		if answered.Message.Content != "From "+provider || answered.Message.ModelID != model {
			t.Errorf("%s: %+v", model, answered.Message)
		}
		asked := routers[provider].Exchanges()
		if len(asked) != 1 {
			t.Fatalf("%s was asked %d times", provider, len(asked))
		}
		wantAsked(t, asked[0], model, keys[provider])
	}
}

func wantAsked(t *testing.T, asked *llmtest.Exchange, model, key string) {
	t.Helper()
	var body struct {
		Model         string
		StreamOptions struct {
			IncludeUsage bool `json:"include_usage"`
		} `json:"stream_options"`
	}
	if err := json.Unmarshal(asked.Body, &body); err != nil {
		t.Fatal(err)
	}
	if got := asked.Header.Get("Authorization"); got != key || asked.Path != "/v1/chat/completions" || body.Model != model || !body.StreamOptions.IncludeUsage {
		t.Errorf("asked at %s with %q: %s", asked.Path, got, asked.Body)
	}
}

func TestWrongProvidersKeepItFromStarting(t *testing.T) {
	t.Parallel()
	for setting, rule := range map[string]string{
		"OLLAMA_URL=localhost:11434":                                          "OLLAMA_URL must be an http or https URL",
		"PROVIDERS=http://localhost:8000/v1":                                  "PROVIDERS must be name=URL pairs",
		"PROVIDERS=Local=http://localhost:8000/v1":                            "PROVIDERS must be name=URL pairs",
		"PROVIDERS=local=ftp://localhost":                                     "PROVIDERS must be name=URL pairs",
		"PROVIDERS=a=http://a/v1,a=http://b/v1":                               "PROVIDERS must name each server once",
		"PROVIDERS=openrouter=http://localhost:8000/v1":                       "PROVIDERS must name each server once, and none demo, openrouter or ollama",
		"PROVIDERS=" + strings.Repeat("x=http://x/v1,", 20) + "y=http://y/v1": "PROVIDERS must name at most 20 servers",
	} {
		t.Run(setting, func(t *testing.T) {
			t.Parallel()
			execute(t, t.TempDir(), []string{setting}).want(t, 1, rule)
		})
	}
}

func TestAProviderThatFailsAgainAndAgainIsLeftAlone(t *testing.T) {
	t.Parallel()
	at, router := onSQLite(t), llmtest.New(t)
	router.Choose(func(*llmtest.Exchange) []llmtest.Step {
		return []llmtest.Step{llmtest.ErrorStatus(http.StatusInternalServerError, "Oh no.", "")}
	})
	server := at.start(t, append(openRouter(router), "LLM_TRIES=1", "FALLBACK_MODELS="+chat.DemoModelID, "DEMO_DELAY=0s", "TITLES=false")...)
	user := server.register("ada")
	path := "/api/v1/conversations/" + user.conversation().ID + "/messages"
	for _, code := range []string{"upstream_error", "upstream_error", "upstream_error", "upstream_error", "upstream_error", "upstream_busy"} {
		answer := want[struct{ Message chat.Message }](user, http.StatusCreated, http.MethodPost, path,
			map[string]string{"content": "Hi", "modelId": llama}, "Accept: application/json").Message
		tried, _ := answer.Metadata["tried"].([]any)
		if len(tried) != 1 || answer.ModelID != chat.DemoModelID {
			t.Fatalf("answered: %+v", answer)
		}
		if try, _ := tried[0].(map[string]any); try["model"] != llama || try["code"] != code {
			t.Errorf("tried: %v, want %s", try, code)
		}
	}
	if asked := len(router.Exchanges()); asked != 5 {
		t.Errorf("the provider was asked %d times", asked)
	}
	const open = `dreamchat_provider_circuit_open{provider="openrouter"} 1`
	if told := server.nobody().reply(http.StatusOK, http.MethodGet, "/metrics", nil); !strings.Contains(string(told), open) {
		t.Errorf("the metrics do not tell %s", open)
	}
}
