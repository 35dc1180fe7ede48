package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/caarlos0/env/v11"
	"github.com/joho/godotenv"

	"dreamchat/pkg/chat"
)

// settings are all that can be set from outside. README.md lists them.
type settings struct {
	Host string `env:"HOST"`
	Port int    `env:"PORT" envDefault:"3002"`

	DataDir     string `env:"DATA_DIR" envDefault:"./data"`
	DatabaseURL string `env:"DATABASE_URL"`
	RedisURL    string `env:"REDIS_URL"`

	AppURL      string   `env:"APP_URL"`
	CORSOrigins []string `env:"CORS_ORIGINS" envDefault:"http://localhost:5173,http://localhost:8081"`
	SigningKey  string   `env:"SIGNING_KEY"`

	RefreshGrace time.Duration `env:"REFRESH_GRACE" envDefault:"10s"`
	ManaURL      string        `env:"MANA_CORE_AUTH_URL"`
	Issuers      []string      `env:"AUTH_ISSUERS"`

	OpenRouterKey string        `env:"OPENROUTER_API_KEY"`
	OpenRouterURL string        `env:"OPENROUTER_BASE_URL" envDefault:"https://openrouter.ai/api/v1"`
	OllamaURL     string        `env:"OLLAMA_URL"`
	Servers       []string      `env:"PROVIDERS"`
	LLMTimeout    time.Duration `env:"LLM_TIMEOUT" envDefault:"60s"`
	FirstToken    time.Duration `env:"LLM_FIRST_TOKEN_TIMEOUT"`
	Tries         int           `env:"LLM_TRIES" envDefault:"3"`
	DefaultModel  string        `env:"DEFAULT_MODEL"`
	Fallbacks     []string      `env:"FALLBACK_MODELS"`
	DemoDelay     time.Duration `env:"DEMO_DELAY" envDefault:"25ms"`
	Titles        bool          `env:"TITLES" envDefault:"true"`

	ModelsSyncEvery time.Duration `env:"MODELS_SYNC_EVERY" envDefault:"0"`
	NewModelsActive bool          `env:"NEW_MODELS_ACTIVE"`

	BudgetDaily   string `env:"BUDGET_DAILY"`
	BudgetMonthly string `env:"BUDGET_MONTHLY"`

	Limits         limits
	TrustedProxies []string `env:"TRUSTED_PROXIES"`

	BodyLimit     int64         `env:"BODY_LIMIT" envDefault:"1048576"`
	Heartbeat     time.Duration `env:"STREAM_HEARTBEAT" envDefault:"15s"`
	WriteTimeout  time.Duration `env:"STREAM_WRITE_TIMEOUT" envDefault:"30s"`
	FeedRetention time.Duration `env:"FEED_RETENTION" envDefault:"24h"`
	ShutdownGrace time.Duration `env:"SHUTDOWN_GRACE" envDefault:"25s"`
	Instance      string        `env:"INSTANCE"`

	LogLevel  slog.Level `env:"LOG_LEVEL" envDefault:"info"`
	LogFormat string     `env:"LOG_FORMAT" envDefault:"text"`

	// others are the model servers beside OpenRouter, read from OllamaURL and Servers.
	others []modelServer
	// otherIssuers are read from ManaURL and Issuers.
	otherIssuers []tokenIssuer
	// proxies are the networks of TrustedProxies.
	proxies []netip.Prefix
}

// load reads the environment, and .env for what that leaves open. The error
// names each wrong setting once, but never its value, which may be a secret.
func load() (settings, error) {
	var s settings
	if err := godotenv.Load(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s, errors.New("the file .env cannot be read: want lines such as PORT=3002")
	}
	var wrong complaints
	var parse env.AggregateError
	if err := env.Parse(&s); errors.As(err, &parse) {
		for _, err := range parse.Errors {
			wrong.unreadable(err)
		}
	}
	s.readSecrets(&wrong)
	s.check(&wrong)
	if err := wrong.err(); err != nil {
		return s, err
	}
	s.complete()
	return s, nil
}

// complete fills in what depends on other settings.
func (s *settings) complete() {
	if s.DatabaseURL == "" {
		s.DatabaseURL = "sqlite:" + filepath.Join(s.DataDir, "dreamchat.db")
	}
	if s.FirstToken == 0 {
		s.FirstToken = s.LLMTimeout
	}
	if s.DefaultModel == "" {
		s.DefaultModel = chat.DemoModelID
		if s.OpenRouterKey != "" {
			s.DefaultModel = "meta-llama/llama-3.1-8b-instruct"
		}
	}
}

// instance is the name under which this process finds what it left behind.
func (s *settings) instance() string {
	if s.Instance != "" {
		return s.Instance
	}
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	return fmt.Sprintf("%s:%d", host, s.Port)
}

// address is where the server listens.
func (s *settings) address() string {
	return net.JoinHostPort(s.Host, strconv.Itoa(s.Port))
}

// url is where programs on this machine reach the server.
func (s *settings) url() string {
	host := s.Host
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, strconv.Itoa(s.Port))
}

// issuer is the name that tokens carry. It is the same for every instance.
func (s *settings) issuer() string {
	if s.AppURL != "" {
		return s.AppURL
	}
	return "dreamchat"
}

// handler writes to standard error.
func (s *settings) handler() slog.Handler {
	options := &slog.HandlerOptions{Level: s.LogLevel}
	if s.LogFormat == "json" {
		return slog.NewJSONHandler(os.Stderr, options)
	}
	return slog.NewTextHandler(os.Stderr, options)
}
