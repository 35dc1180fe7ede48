package main_test

import (
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/llm/llmtest"
	"dreamchat/pkg/servertest"
)

// secretFile holds a value as container engines write it.
func secretFile(t *testing.T, value string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(value), 0o400); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSecretsComeFromFiles(t *testing.T) {
	t.Parallel()
	key, err := apitest.Key(t).PEM()
	if err != nil {
		t.Fatal(err)
	}
	router, groq := llmtest.New(t), llmtest.New(t)
	database, redis := servertest.Postgres(t), servertest.Redis(t)
	folder := t.TempDir()
	// The file .env may name files too.
	env := "SIGNING_KEY_FILE=" + secretFile(t, string(key)) + "\nOPENROUTER_API_KEY_FILE=" + secretFile(t, "sk-or-secret\n") + "\n"
	if err := os.WriteFile(filepath.Join(folder, ".env"), []byte(env), 0o600); err != nil {
		t.Fatal(err)
	}
	at := installation{folder: folder, database: database, environment: []string{"DATABASE_URL=" + database, "REDIS_URL=" + redis}}
	execute(t, t.TempDir(), at.environment, "migrate", "up").want(t, 0)
	serves(t, at, "my-groq", "openai/gpt-4o-mini")
	server := start(t, folder, "OPENROUTER_BASE_URL="+router.URL, "PROVIDERS=my-groq="+groq.URL, "TITLES=false",
		"DATABASE_URL_FILE="+secretFile(t, database+"\r\n"), "REDIS_URL_FILE="+secretFile(t, redis),
		"PROVIDER_MY_GROQ_KEY_FILE="+secretFile(t, "sk-groq-secret"))
	user := server.register("ada")
	for model, asked := range map[string]struct {
		*llmtest.Router

		key string
	}{llama: {router, "Bearer sk-or-secret"}, "openai/gpt-4o-mini": {groq, "Bearer sk-groq-secret"}} {
		user.reply(http.StatusCreated, http.MethodPost, "/api/v1/conversations/"+user.conversation().ID+"/messages",
			map[string]string{"content": "Hi", "modelId": model}, "Accept: application/json")
		if got := asked.Exchanges()[0].Header.Get("Authorization"); got != asked.key {
			t.Errorf("for %s the key is sent as %q", model, got)
		}
	}
	if names := at.column(t, "SELECT username FROM users"); !slices.Equal(names, []string{"ada"}) {
		t.Errorf("in PostgreSQL are %q", names)
	}
	if user.list(); len(redisKeys(t, at)) == 0 {
		t.Error("Redis keeps nothing")
	}
	if _, err := os.Stat(filepath.Join(folder, "data")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a key or a database of its own was made: %v", err)
	}
}

func TestFilesThatHoldNoSecret(t *testing.T) {
	t.Parallel()
	good, folder := secretFile(t, "hush"), t.TempDir()
	for name, tt := range map[string]struct{ path, want string }{
		"none":         {filepath.Join(folder, "hush"), "must name a file that can be read"},
		"a folder":     {folder, "must name a file that can be read"},
		"empty":        {secretFile(t, ""), "must name a file that is not empty"},
		"only a line":  {secretFile(t, " \n"), "must name a file that is not empty"},
		"far too long": {secretFile(t, strings.Repeat("hush", 20_000)), "must name a file of at most 64 KiB"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var environment []string
			names := []string{"DATABASE_URL", "REDIS_URL", "SIGNING_KEY", "OPENROUTER_API_KEY", "PROVIDER_GROQ_KEY"}
			for _, setting := range names {
				environment = append(environment, setting+"_FILE="+tt.path)
			}
			got := execute(t, t.TempDir(), append(environment, "PROVIDERS=groq=http://localhost:1/v1"))
			got.want(t, 1, "these settings are wrong")
			for _, setting := range names {
				if n := strings.Count(got.stderr, "  "+setting+"_FILE "+tt.want+"\n"); n != 1 {
					t.Errorf("%s is named %d times:\n%s", setting, n, got.stderr)
				}
			}
		})
	}
	both := execute(t, t.TempDir(), []string{"DATABASE_URL=postgres://hush", "DATABASE_URL_FILE=" + good})
	both.want(t, 1, "DATABASE_URL_FILE must not be set beside DATABASE_URL")
	wrong := execute(t, t.TempDir(), []string{"SIGNING_KEY_FILE=" + good, "DATABASE_URL_FILE=" + good})
	wrong.want(t, 1, "SIGNING_KEY must be an Ed25519 private key", "DATABASE_URL must be postgres://")
	for _, got := range []said{both, wrong} {
		if strings.Contains(got.stderr, "hush") {
			t.Errorf("a value is told:\n%s", got.stderr)
		}
	}
}
