package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
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

	OpenRouterKey string        `env:"OPENROUTER_API_KEY"`
	OpenRouterURL string        `env:"OPENROUTER_BASE_URL" envDefault:"https://openrouter.ai/api/v1"`
	LLMTimeout    time.Duration `env:"LLM_TIMEOUT" envDefault:"60s"`
	DefaultModel  string        `env:"DEFAULT_MODEL"`
	DemoDelay     time.Duration `env:"DEMO_DELAY" envDefault:"25ms"`

	BodyLimit     int64         `env:"BODY_LIMIT" envDefault:"1048576"`
	Heartbeat     time.Duration `env:"STREAM_HEARTBEAT" envDefault:"15s"`
	WriteTimeout  time.Duration `env:"STREAM_WRITE_TIMEOUT" envDefault:"30s"`
	ShutdownGrace time.Duration `env:"SHUTDOWN_GRACE" envDefault:"25s"`
	Instance      string        `env:"INSTANCE"`

	LogLevel  slog.Level `env:"LOG_LEVEL" envDefault:"info"`
	LogFormat string     `env:"LOG_FORMAT" envDefault:"text"`
}

// load reads the environment, and .env for what that leaves open. The error
// names each wrong setting, but never its value, which may be a secret.
func load() (settings, error) {
	var s settings
	if err := godotenv.Load(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s, errors.New("the file .env cannot be read: want lines such as PORT=3002")
	}
	var wrong []string
	var parse env.AggregateError
	if err := env.Parse(&s); errors.As(err, &parse) {
		for _, err := range parse.Errors {
			wrong = append(wrong, nameOf(err))
		}
	}
	wrong = append(wrong, s.check()...)
	if len(wrong) > 0 {
		return s, errors.New("these settings are wrong:\n  " + strings.Join(wrong, "\n  "))
	}
	s.complete()
	return s, nil
}

// nameOf turns an error of the parser into the setting that it is about.
func nameOf(err error) string {
	var parse env.ParseError
	if !errors.As(err, &parse) {
		return err.Error()
	}
	names := map[string]string{
		"Port": "PORT must be a whole number", "LLMTimeout": "LLM_TIMEOUT must be a time such as 60s",
		"DemoDelay": "DEMO_DELAY must be a time such as 25ms", "BodyLimit": "BODY_LIMIT must be a number of bytes",
		"Heartbeat": "STREAM_HEARTBEAT must be a time such as 15s", "WriteTimeout": "STREAM_WRITE_TIMEOUT must be a time such as 30s",
		"ShutdownGrace": "SHUTDOWN_GRACE must be a time such as 25s", "LogLevel": "LOG_LEVEL must be debug, info, warn or error",
	}
	return names[parse.Name]
}

func (s *settings) check() []string {
	var wrong []string
	must := func(holds bool, sentence string) {
		if !holds {
			wrong = append(wrong, sentence)
		}
	}
	must(s.Port >= 0 && s.Port <= 65535, "PORT must be from 1 to 65535, or 0 for any free one")
	must(s.DataDir != "", "DATA_DIR must not be empty")
	must(s.LogFormat == "text" || s.LogFormat == "json", "LOG_FORMAT must be text or json")
	must(s.LLMTimeout > 0, "LLM_TIMEOUT must be more than nothing")
	must(s.DemoDelay >= 0, "DEMO_DELAY must not be negative")
	must(s.BodyLimit >= 1024, "BODY_LIMIT must be at least 1024")
	must(s.Heartbeat >= time.Second, "STREAM_HEARTBEAT must be at least 1s")
	must(s.WriteTimeout >= time.Second, "STREAM_WRITE_TIMEOUT must be at least 1s")
	must(s.ShutdownGrace >= 0, "SHUTDOWN_GRACE must not be negative")
	for name, value := range map[string]string{
		"APP_URL": s.AppURL, "OPENROUTER_BASE_URL": s.OpenRouterURL,
	} {
		must(value == "" || isHTTP(value), name+" must be an http or https URL")
	}
	for _, origin := range s.CORSOrigins {
		must(origin == "*" || isHTTP(origin) && !strings.HasSuffix(origin, "/"),
			"CORS_ORIGINS must be origins such as https://chat.example, separated by commas")
	}
	return wrong
}

func isHTTP(text string) bool {
	parsed, err := url.Parse(text)
	return err == nil && (parsed.Scheme == "http" || parsed.Scheme == "https") && parsed.Host != ""
}

// complete fills in what depends on other settings.
func (s *settings) complete() {
	if s.DatabaseURL == "" {
		s.DatabaseURL = "sqlite:" + filepath.Join(s.DataDir, "dreamchat.db")
	}
	if s.DefaultModel == "" {
		s.DefaultModel = chat.DemoModelID
		if s.OpenRouterKey != "" {
			s.DefaultModel = "meta-llama/llama-3.1-8b-instruct"
		}
	}
	if s.Instance == "" {
		host, err := os.Hostname()
		if err != nil {
			host = "localhost"
		}
		s.Instance = fmt.Sprintf("%s:%d", host, s.Port)
	}
}

// address is where the server listens.
func (s *settings) address() string {
	return net.JoinHostPort(s.Host, strconv.Itoa(s.Port))
}

// issuer is the name that tokens carry. It is the same for every instance.
func (s *settings) issuer() string {
	if s.AppURL != "" {
		return s.AppURL
	}
	return "dreamchat"
}

// logger writes to standard error.
func (s *settings) handler() slog.Handler {
	options := &slog.HandlerOptions{Level: s.LogLevel}
	if s.LogFormat == "json" {
		return slog.NewJSONHandler(os.Stderr, options)
	}
	return slog.NewTextHandler(os.Stderr, options)
}
