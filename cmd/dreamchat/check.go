package main

import (
	"errors"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
	"github.com/redis/go-redis/v9"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/chat"
)

// complaints are the wrong settings, one sentence each.
type complaints struct {
	names, sentences []string
}

// must notes a rule that a setting breaks, unless it breaks another already.
func (c *complaints) must(holds bool, name, rule string) {
	if holds || slices.Contains(c.names, name) {
		return
	}
	c.names = append(c.names, name)
	c.sentences = append(c.sentences, name+" "+rule)
}

// unreadable notes a setting that the parser could not read.
func (c *complaints) unreadable(err error) {
	var parse env.ParseError
	if !errors.As(err, &parse) {
		c.must(false, "the environment", "cannot be read")
		return
	}
	field, known := reflect.TypeFor[settings]().FieldByName(parse.Name)
	if !known {
		field, _ = reflect.TypeFor[limits]().FieldByName(parse.Name)
	}
	rule := "must be a whole number"
	switch {
	case parse.Type == reflect.TypeFor[time.Duration]():
		rule = "must be a time such as 30s"
	case parse.Type == reflect.TypeFor[bool]():
		rule = "must be true or false"
	case parse.Name == "LogLevel":
		rule = "must be debug, info, warn or error"
	}
	c.must(false, field.Tag.Get("env"), rule)
}

func (c *complaints) err() error {
	if len(c.sentences) == 0 {
		return nil
	}
	return errors.New("these settings are wrong:\n  " + strings.Join(c.sentences, "\n  "))
}

func (s *settings) check(wrong *complaints) {
	wrong.must(s.Port >= 0 && s.Port <= 65535, "PORT", "must be from 1 to 65535, or 0 for any free one")
	wrong.must(s.DataDir != "", "DATA_DIR", "must not be empty")
	wrong.must(s.DatabaseURL == "" || isDatabase(s.DatabaseURL), "DATABASE_URL",
		"must be postgres://user:password@host:5432/database, with reserved characters percent-encoded, or sqlite:path")
	wrong.must(s.RedisURL == "" || isRedis(s.RedisURL), "REDIS_URL",
		"must be redis://user:password@host:6379/0 (rediss:// for TLS, or unix:///path), with reserved characters percent-encoded")
	wrong.must(s.SigningKey == "" || isKey(s.SigningKey), "SIGNING_KEY",
		`must be an Ed25519 private key as "openssl genpkey -algorithm ed25519" prints it`)
	wrong.must(s.RefreshGrace >= 0 && s.RefreshGrace <= time.Minute, "REFRESH_GRACE", "must be from 0 to 1m")
	wrong.must(s.AppURL == "" || isHTTP(s.AppURL), "APP_URL", "must be an http or https URL")
	wrong.must(isHTTP(s.OpenRouterURL), "OPENROUTER_BASE_URL", "must be an http or https URL")
	s.others = s.checkServers(wrong)
	s.otherIssuers = s.checkIssuers(wrong)
	wrong.must(!slices.ContainsFunc(s.CORSOrigins, notOrigin), "CORS_ORIGINS",
		"must be origins as browsers send them, such as https://chat.example, separated by commas; * is none")
	wrong.must(s.LLMTimeout > 0, "LLM_TIMEOUT", "must be more than nothing")
	wrong.must(s.FirstToken >= 0, "LLM_FIRST_TOKEN_TIMEOUT", "must not be negative")
	wrong.must(s.Tries >= 1 && s.Tries <= 5, "LLM_TRIES", "must be from 1 to 5")
	wrong.must(len(s.Fallbacks) <= chat.MaxFallbacks && !slices.Contains(s.Fallbacks, ""), "FALLBACK_MODELS",
		"must be at most 5 models, separated by commas")
	wrong.must(s.DemoDelay >= 0, "DEMO_DELAY", "must not be negative")
	wrong.must(s.ModelsSyncEvery == 0 || s.ModelsSyncEvery >= time.Minute, "MODELS_SYNC_EVERY", "must be at least 1m, or 0 for never")
	wrong.must(s.BudgetDaily == "" || chat.IsMoney(s.BudgetDaily), "BUDGET_DAILY", "must be an amount in USD such as 1.50")
	wrong.must(s.BudgetMonthly == "" || chat.IsMoney(s.BudgetMonthly), "BUDGET_MONTHLY", "must be an amount in USD such as 20")
	s.Limits.check(wrong)
	s.proxies = s.checkProxies(wrong)
	wrong.must(s.BodyLimit >= 1024, "BODY_LIMIT", "must be at least 1024")
	wrong.must(s.Heartbeat >= time.Second, "STREAM_HEARTBEAT", "must be at least 1s")
	wrong.must(s.WriteTimeout >= time.Second, "STREAM_WRITE_TIMEOUT", "must be at least 1s")
	wrong.must(s.FeedRetention >= 10*time.Minute, "FEED_RETENTION", "must be at least 10m")
	wrong.must(s.ShutdownGrace >= 0, "SHUTDOWN_GRACE", "must not be negative")
	wrong.must(s.LogFormat == "text" || s.LogFormat == "json", "LOG_FORMAT", "must be text or json")
}

func isDatabase(text string) bool {
	if path, isFile := strings.CutPrefix(text, "sqlite:"); isFile {
		return path != ""
	}
	parsed, err := url.Parse(text)
	return err == nil && (parsed.Scheme == "postgres" || parsed.Scheme == "postgresql")
}

func isRedis(text string) bool {
	_, err := redis.ParseURL(text)
	return err == nil
}

func isKey(text string) bool {
	_, err := auth.ParseKey([]byte(text))
	return err == nil
}

// notOrigin tells what no browser sends as the origin of a page: scheme, host in
// lower case and no port that goes without saying (RFC 6454, section 6.2).
func notOrigin(text string) bool {
	parsed, err := url.Parse(text)
	if err != nil || !isHTTP(text) || strings.ContainsAny(text, "*") {
		return true
	}
	implied := map[string]string{"http": "80", "https": "443"}[parsed.Scheme]
	return text != strings.ToLower(parsed.Scheme+"://"+parsed.Host) || parsed.Port() == implied
}

func isHTTP(text string) bool {
	parsed, err := url.Parse(text)
	return err == nil && (parsed.Scheme == "http" || parsed.Scheme == "https") && parsed.Host != ""
}
