package main_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestEachWrongSettingIsNamedOnce(t *testing.T) {
	t.Parallel()
	wrong := []string{
		"PORT=abc", "DATABASE_URL=mysql://ada:hush@db/x", "REDIS_URL=redis://:hush@cache:port/0", "SIGNING_KEY=hush",
		"APP_URL=hush", "OPENROUTER_BASE_URL=ftp://hush", "CORS_ORIGINS=hush,https://hush.example/", "LLM_TIMEOUT=-1",
		"DEMO_DELAY=-1s", "BODY_LIMIT=hush", "STREAM_HEARTBEAT=0s", "STREAM_WRITE_TIMEOUT=1ms", "SHUTDOWN_GRACE=-1s", "FEED_RETENTION=9m",
		"LOG_LEVEL=hush", "LOG_FORMAT=hush", "TITLES=hush",
		"OLLAMA_URL=hush", "PROVIDERS=hush", "MANA_CORE_AUTH_URL=hush", "AUTH_ISSUERS=hush", "LLM_TRIES=9", "LLM_FIRST_TOKEN_TIMEOUT=-1s", "FALLBACK_MODELS=a,b,c,d,e,f",
		"MODELS_SYNC_EVERY=59s", "NEW_MODELS_ACTIVE=hush", "BUDGET_DAILY=hush", "BUDGET_MONTHLY=-1", "REFRESH_GRACE=61s",
		"LIMIT_USER=hush", "LIMIT_ADDRESS=-1", "LIMIT_LOGIN_ACCOUNT=1000001", "LIMIT_LOGIN_ADDRESS=-1", "LIMIT_GENERATIONS=hush",
		"LIMIT_SENDS=-1", "TRUSTED_PROXIES=10.0.0.0/8,hush",
	}
	for _, command := range [][]string{nil, {"migrate", "status"}, {"healthcheck"}} {
		got := execute(t, t.TempDir(), wrong, command...)
		got.want(t, 1, "these settings are wrong")
		for _, setting := range wrong {
			name, _, _ := strings.Cut(setting, "=")
			if n := strings.Count(got.stderr, "  "+name+" must "); n != 1 {
				t.Errorf("%s is named %d times", name, n)
			}
		}
		if strings.Contains(got.stderr, "hush") {
			t.Errorf("a value is told:\n%s", got.stderr)
		}
	}
}

func TestWhatKeepsItFromStarting(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() }) // the subtests outlive this function
	_, port, err := net.SplitHostPort(taken.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		environment []string
		want        []string
	}{
		"the port is in use":               {[]string{"PORT=" + port}, []string{"cannot listen on :" + port, "in use"}},
		"no folder for the data":           {[]string{"DATA_DIR=" + file + "/data"}, []string{file + "/data", "not a directory"}},
		"no folder for the key":            {[]string{"DATA_DIR=" + file, "DATABASE_URL=sqlite:data.db"}, []string{file, "not a directory"}},
		"the database is not there":        {[]string{"DATABASE_URL=postgres://ada:hush@127.0.0.1:1/chats"}, []string{`"chats" on 127.0.0.1, port 1`, "connection refused"}},
		"the database's URL has no scheme": {[]string{"DATABASE_URL=localhost:5432"}, []string{"DATABASE_URL must be postgres://"}},
		"the password is not encoded":      {[]string{"DATABASE_URL=postgres://ada:hu%sh@db/chats"}, []string{"DATABASE_URL must be postgres://"}},
		"no such default model":            {[]string{"DEFAULT_MODEL=openai/gpt-0"}, []string{"DEFAULT_MODEL cannot be used", "openai/gpt-0"}},
		"the default model has no key":     {[]string{"DEFAULT_MODEL=openai/gpt-4o-mini"}, []string{"DEFAULT_MODEL cannot be used", "not available"}},
		"no such model to fall back on":    {[]string{"FALLBACK_MODELS=dreamchat/demo,openai/gpt-0"}, []string{"FALLBACK_MODELS cannot be used", "openai/gpt-0"}},
		"the database file is none":        {[]string{"DATABASE_URL=sqlite:."}, []string{"cannot be"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := execute(t, t.TempDir(), tt.environment)
			got.want(t, 1, tt.want...)
			if strings.Contains(got.stderr, "hu") || strings.Contains(got.stdout, "listening") {
				t.Errorf("stdout:\n%s\nstderr:\n%s", got.stdout, got.stderr)
			}
		})
	}
}

func TestTheEnvironmentWinsOverTheFile(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	file := "PORT=70000\nDATA_DIR=./elsewhere\n# a comment\nOPENROUTER_API_KEY=any\nDEFAULT_MODEL='openai/gpt-4o-mini'\n"
	if err := os.WriteFile(filepath.Join(folder, ".env"), []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	server := start(t, folder) // with PORT=0
	if !strings.Contains(server.stdout.String(), "default model: openai/gpt-4o-mini") {
		t.Errorf("the file is not read:\n%s", server.stdout.String())
	}
	if _, err := os.Stat(filepath.Join(folder, "elsewhere", "dreamchat.db")); err != nil {
		t.Error(err)
	}
}

func TestAFileThatIsNoEnvironment(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, ".env"), []byte("hush; no name\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := execute(t, folder, nil)
	got.want(t, 1, ".env cannot be read")
	if strings.Contains(got.stderr, "hush") {
		t.Errorf("its content is told:\n%s", got.stderr)
	}
}
