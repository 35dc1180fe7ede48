// Package metrics counts what happens, for Prometheus.
package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"dreamchat/pkg/chat"
)

// Metrics is what the domain reports. Its methods are safe for concurrent use.
type Metrics struct {
	// Registry holds these and whatever else is to be shown.
	Registry *prometheus.Registry

	generations *prometheus.CounterVec
	firstToken  *prometheus.HistogramVec
	duration    *prometheus.HistogramVec
	tokens      *prometheus.CounterVec
	lookups     *prometheus.CounterVec
	circuits    *prometheus.GaugeVec
	shared      prometheus.Gauge
}

// New returns metrics with a registry of their own, which also tells about the
// process and the Go runtime.
func New() *Metrics {
	m := &Metrics{
		Registry: prometheus.NewRegistry(),
		generations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "dreamchat_generations_total",
			Help: "Answers that ended, by provider and status.",
		}, []string{"provider", "status"}),
		firstToken: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "dreamchat_first_token_seconds",
			Help:    "Time from the question to the first token.",
			Buckets: prometheus.ExponentialBuckets(0.01, 2, 13),
		}, []string{"provider"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "dreamchat_generation_seconds",
			Help:    "Time from the question to the stored answer.",
			Buckets: prometheus.ExponentialBuckets(0.1, 2, 13),
		}, []string{"provider"}),
		tokens: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "dreamchat_tokens_total",
			Help: "Tokens that providers told, by kind.",
		}, []string{"provider", "kind"}),
		lookups: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "dreamchat_cache_lookups_total",
			Help: "Lookups in a cache, by result.",
		}, []string{"cache", "result"}),
		circuits: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "dreamchat_provider_circuit_open",
			Help: "Whether a provider is left alone for a while, since it failed too often: 1 if so.",
		}, []string{"provider"}),
		shared: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "dreamchat_limits_shared",
			Help: "Whether limits are counted together with other instances, in Redis: 1 if so.",
		}),
	}
	m.Registry.MustRegister(
		m.generations, m.firstToken, m.duration, m.tokens, m.lookups, m.circuits, m.shared,
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

// Finished counts a generation that ended.
func (m *Metrics) Finished(outcome chat.Outcome) {
	m.generations.WithLabelValues(outcome.Provider, string(outcome.Status)).Inc()
	m.duration.WithLabelValues(outcome.Provider).Observe(outcome.Duration.Seconds())
	if outcome.FirstToken > 0 {
		m.firstToken.WithLabelValues(outcome.Provider).Observe(outcome.FirstToken.Seconds())
	}
	m.tokens.WithLabelValues(outcome.Provider, "prompt").Add(float64(outcome.PromptTokens))
	m.tokens.WithLabelValues(outcome.Provider, "completion").Add(float64(outcome.CompletionTokens))
}

// Circuit returns what is to be told when a provider is left alone, or no more.
func (m *Metrics) Circuit(provider string) func(open bool) {
	state := m.circuits.WithLabelValues(provider)
	return func(open bool) {
		state.Set(0)
		if open {
			state.Set(1)
		}
	}
}

// LimitsShared tells whether all instances count together what callers do.
func (m *Metrics) LimitsShared(shared bool) {
	m.shared.Set(0)
	if shared {
		m.shared.Set(1)
	}
}

// Lookup counts a lookup in a cache.
func (m *Metrics) Lookup(cache string, hit bool) {
	result := "miss"
	if hit {
		result = "hit"
	}
	m.lookups.WithLabelValues(cache, result).Inc()
}
