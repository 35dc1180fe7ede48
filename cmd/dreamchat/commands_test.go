package main_test

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"dreamchat/migrations"
)

func TestHelp(t *testing.T) {
	t.Parallel()
	for command, want := range map[string][]string{
		"":               {"serve", "migrate up", "migrate down", "migrate status", "healthcheck", "version", "README.md"},
		"serve":          {"Answer requests until SIGINT or SIGTERM."},
		"migrate":        {"Change or show the database's schema.", "migrate up", "migrate down", "migrate status"},
		"migrate up":     {"Apply every migration that is not applied yet."},
		"migrate down":   {"Take the newest migration back, with the data in it."},
		"migrate status": {"List the migrations and when they were applied."},
		"healthcheck":    {"whether it is alive"},
		"version":        {"Print the version."},
	} {
		got := execute(t, t.TempDir(), nil, append(strings.Fields(command), "--help")...)
		got.want(t, 0, append(want, strings.TrimSpace("Usage: dreamchat "+command))...)
	}
}

func TestCommandsThatAreNone(t *testing.T) {
	t.Parallel()
	for command, want := range map[string]string{
		"serv":             "unexpected argument serv",
		"migrate":          "expected one of",
		"migrate sideways": "unexpected argument sideways",
		"serve --port=1":   "unknown flag --port",
	} {
		got := execute(t, t.TempDir(), nil, strings.Fields(command)...)
		if got.code == 0 {
			t.Errorf("%s: exit code 0", command)
		}
		got.want(t, got.code, want, "Usage: dreamchat")
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	got := execute(t, t.TempDir(), nil, "version")
	got.want(t, 0)
	if got.stdout != "dreamchat dev\n" {
		t.Errorf("version: %q", got.stdout)
	}
}

func TestHealthcheck(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	server := start(t, folder)
	for _, host := range []string{"", "0.0.0.0", "::", "127.0.0.1"} {
		execute(t, folder, []string{"PORT=" + server.Port, "HOST=" + host}, "healthcheck").want(t, 0)
	}
	server.stop()
	execute(t, folder, []string{"PORT=" + server.Port}, "healthcheck").want(t, 1, "the server does not answer", "connection refused")
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at installation) {
		names := migrationNames(t)
		newest := names[len(names)-1]
		migrate := func(what string, wantedLines ...string) {
			t.Helper()
			got := execute(t, at.folder, at.environment, "migrate", what)
			got.want(t, 0)
			pattern := "^" + strings.Join(wantedLines, "\n") + "\n$"
			if !regexp.MustCompile(pattern).MatchString(got.stdout) || got.stderr != "" {
				t.Errorf("migrate %s said:\n%s%s\nwant\n%s", what, got.stdout, got.stderr, pattern)
			}
		}
		const at1 = ` +\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`
		migrate("status", with("", names, " +pending")...)
		migrate("up", with("applied ", names, "")...)
		migrate("up", "nothing to apply")
		migrate("status", with("", names, at1)...)
		migrate("down", "took back "+newest)
		migrate("status", append(with("", names[:len(names)-1], at1), newest+" +pending")...)
		migrate("up", "applied "+newest)
		for range names {
			execute(t, at.folder, at.environment, "migrate", "down").want(t, 0, "took back")
		}
		execute(t, at.folder, at.environment, "migrate", "down").want(t, 1, "dreamchat: ")
	})
}

// migrationNames are the same on both databases.
func migrationNames(t *testing.T) []string {
	t.Helper()
	files, err := migrations.FS(migrations.Postgres)
	if err != nil {
		t.Fatal(err)
	}
	names, err := fs.Glob(files, "*.sql")
	if err != nil || len(names) == 0 {
		t.Fatalf("no migrations: %v", err)
	}
	return names
}

func with(before string, names []string, after string) []string {
	lines := make([]string, len(names))
	for i, name := range names {
		lines[i] = before + regexp.QuoteMeta(name) + after
	}
	return lines
}
