package main

import (
	"net/http"
	"regexp"
	"strings"
	"time"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/llm"
	"dreamchat/pkg/metrics"
)

// Names of providers, as the catalogue uses them.
const (
	providerDemo       = "demo"
	providerOpenRouter = "openrouter"
	providerOllama     = "ollama"
)

// wholeTime is how long an answer may take that is asked for in one piece: as long
// as OpenAI's own clients wait.
const wholeTime = 10 * time.Minute

// maxServers bounds the servers that PROVIDERS may name.
const maxServers = 20

var serverName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`)

// modelServer is a server with OpenAI's wire that is nothing but that.
type modelServer struct {
	name, url, key string
}

// keyName is the setting that holds the key of a server.
func (m modelServer) keyName() string {
	return "PROVIDER_" + strings.ToUpper(strings.ReplaceAll(m.name, "-", "_")) + "_KEY"
}

// checkServers reads the servers beside OpenRouter and notes what is wrong.
func (s *settings) checkServers(wrong *complaints) []modelServer {
	var found []modelServer
	if s.OllamaURL != "" {
		wrong.must(isHTTP(s.OllamaURL), "OLLAMA_URL", "must be an http or https URL")
		base := strings.TrimSuffix(strings.TrimRight(s.OllamaURL, "/"), "/v1")
		found = append(found, modelServer{name: providerOllama, url: base + "/v1"})
	}
	wrong.must(len(s.Servers) <= maxServers, "PROVIDERS", "must name at most 20 servers")
	taken := map[string]bool{providerDemo: true, providerOpenRouter: true, providerOllama: true}
	for _, entry := range s.Servers {
		name, address, _ := strings.Cut(strings.TrimSpace(entry), "=")
		server := modelServer{name: name, url: address}
		wrong.must(serverName.MatchString(name) && isHTTP(address), "PROVIDERS",
			"must be name=URL pairs such as local=http://localhost:8000/v1, separated by commas; a name has lower-case letters, digits and hyphens")
		wrong.must(!taken[server.keyName()] && !taken[name], "PROVIDERS",
			"must name each server once, and none demo, openrouter or ollama")
		taken[name], taken[server.keyName()] = true, true
		server.key = secret(server.keyName(), wrong)
		found = append(found, server)
	}
	return found
}

// providers are who can be asked, by the name that the catalogue uses.
func (s *settings) providers(counted *metrics.Metrics) chat.Providers {
	providers := chat.Providers{providerDemo: llm.Demo{Pace: s.DemoDelay}.Client()}
	if s.OpenRouterKey != "" {
		client := s.client(modelServer{url: s.OpenRouterURL, key: s.OpenRouterKey})
		client.OpenRouter, client.AppURL, client.AppTitle = true, s.AppURL, "Dreamchat"
		client.Breaker = breaker(counted.Circuit(providerOpenRouter))
		providers[providerOpenRouter] = client
	}
	for _, server := range s.others {
		client := s.client(server)
		client.Breaker = breaker(counted.Circuit(server.name))
		providers[server.name] = client
	}
	return providers
}

// breaker leaves a provider alone for a while once it fails in a row. The while is
// longer than an answer waits, so that a fallback answers at once.
func breaker(tell func(open bool)) *llm.Breaker {
	return &llm.Breaker{Failures: 5, Pause: 30 * time.Second, OnChange: tell}
}

func (s *settings) client(server modelServer) *llm.Client {
	return &llm.Client{
		BaseURL:    server.url,
		Key:        server.key,
		HTTP:       &http.Client{Transport: llm.NewTransport()},
		Silence:    s.LLMTimeout,
		FirstToken: s.FirstToken,
		Whole:      wholeTime,
	}
}

// settlers are the providers that can be asked afterwards what a request cost.
func settlers(providers chat.Providers) map[string]chat.Settler {
	found := make(map[string]chat.Settler)
	for name, provider := range providers {
		if client, ok := provider.(*llm.Client); ok && client.OpenRouter {
			found[name] = client
		}
	}
	return found
}
