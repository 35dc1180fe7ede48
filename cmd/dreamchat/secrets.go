package main

import (
	"bytes"
	"io"
	"os"
	"strings"
)

// maxSecret bounds what is read of a file that holds a secret, in bytes.
const maxSecret = 64 << 10

// fileSuffix is what the name of a setting ends in that names a file.
const fileSuffix = "_FILE"

// readSecrets takes what files hold, such as those that container engines mount.
// The keys of the servers that PROVIDERS names are read with these.
func (s *settings) readSecrets(wrong *complaints) {
	s.DatabaseURL = secret("DATABASE_URL", wrong)
	s.RedisURL = secret("REDIS_URL", wrong)
	s.SigningKey = secret("SIGNING_KEY", wrong)
	s.OpenRouterKey = secret("OPENROUTER_API_KEY", wrong)
}

// secret is the value of a setting, or what the file holds that the setting with
// _FILE after its name names. What is wrong with that is noted under that name,
// and never tells what is in it.
func secret(name string, wrong *complaints) string {
	value, path := os.Getenv(name), os.Getenv(name+fileSuffix)
	if path == "" {
		return value
	}
	if value != "" {
		wrong.must(false, name+fileSuffix, "must not be set beside "+name)
		return ""
	}
	text, rule := readSecret(path)
	wrong.must(rule == "", name+fileSuffix, rule)
	return text
}

// readSecret returns what is in the file, or the rule that the file breaks.
func readSecret(path string) (text, rule string) {
	file, err := os.Open(path) //nolint:gosec // the settings name it
	if err != nil {
		return "", "must name a file that can be read"
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, maxSecret+1))
	content = bytes.TrimSuffix(content, []byte("\n"))
	content = bytes.TrimSuffix(content, []byte("\r"))
	switch {
	case err != nil:
		return "", "must name a file that can be read"
	case len(content) > maxSecret:
		return "", "must name a file of at most 64 KiB"
	case strings.TrimSpace(string(content)) == "":
		return "", "must name a file that is not empty"
	}
	return string(content), ""
}
