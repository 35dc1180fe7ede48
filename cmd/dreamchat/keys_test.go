package main_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/auth"
)

// onTwins runs the test with a server on SQLite, and with two on PostgreSQL and
// Redis. The installation has their root key.
func onTwins(t *testing.T, test func(t *testing.T, at installation, servers []*process)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		at := onSQLite(t)
		test(t, at, []*process{at.start(t)})
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		at := onServers(t)
		key, err := apitest.Key(t).PEM()
		if err != nil {
			t.Fatal(err)
		}
		at.environment = append(at.environment, "SIGNING_KEY="+string(key))
		test(t, at, []*process{start(t, t.TempDir(), at.environment...), start(t, t.TempDir(), at.environment...)})
	})
}

// keyOf names the key that a token is signed with.
func keyOf(t *testing.T, token string) string {
	t.Helper()
	head, _, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		t.Fatal(err)
	}
	var header struct{ Kid string }
	if err := json.Unmarshal(text, &header); err != nil {
		t.Fatal(err)
	}
	return header.Kid
}

func TestKeysRotateWhileRequestsRun(t *testing.T) {
	t.Parallel()
	onTwins(t, func(t *testing.T, at installation, servers []*process) {
		run := func(code int, arguments []string, wanted string) {
			t.Helper()
			got := execute(t, at.folder, at.environment, append([]string{"keys"}, arguments...)...)
			got.want(t, code)
			if !regexp.MustCompile("^" + wanted + "\n$").MatchString(got.stdout + got.stderr) {
				t.Errorf("keys %s said:\n%s%s\nwant\n%s", arguments, got.stdout, got.stderr, wanted)
			}
		}
		user := servers[0].register("ada")
		root := keyOf(t, user.session.AccessToken)
		stop, requests := make(chan struct{}), new(sync.WaitGroup)
		ended := func() bool {
			select {
			case <-stop:
				return true
			default:
				return false
			}
		}
		for _, server := range servers {
			old := server.as(user)
			requests.Go(func() {
				for !ended() {
					old.reply(http.StatusOK, http.MethodGet, "/api/v1/auth/me", nil)
				}
			})
		}
		const time = `\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ`
		const key = `[A-Za-z0-9_-]{43}`
		run(0, []string{"list"}, root+"  root key  signs")
		run(0, []string{"rotate", "--after=0s"}, key+" signs from "+time+"\n"+root+" is good until "+time)
		run(0, []string{"list"}, key+"  "+time+"  signs\n"+root+"  "+time+"  good until "+time)

		// Each server hears of it; who has not yet takes the tokens of who has.
		session := user.session
		for _, server := range servers {
			eventually(t, "the new key signs", func() bool {
				session = want[auth.Session](server.nobody(), http.StatusOK, http.MethodPost, "/api/v1/auth/refresh",
					map[string]string{"refreshToken": session.RefreshToken})
				for _, other := range servers {
					other.as(&client{session: session}).reply(http.StatusOK, http.MethodGet, "/api/v1/auth/me", nil)
				}
				return keyOf(t, session.AccessToken) != root
			})
		}
		for _, server := range servers {
			set := want[auth.KeySet](server.nobody(), http.StatusOK, http.MethodGet, "/.well-known/jwks.json", nil)
			if len(set.Keys) != 2 || set.Keys[0].KeyID != keyOf(t, session.AccessToken) || set.Keys[1].KeyID != root {
				t.Errorf("published are %+v", set)
			}
		}
		run(0, []string{"rotate"}, key+" signs from "+time+"\n"+key+" is good until "+time)
		run(0, []string{"list"}, key+"  "+time+"  signs from "+time+"\n"+key+"  "+time+"  signs\n"+root+"  "+time+"  good until "+time)
		run(1, []string{"rotate"}, "dreamchat: The key "+key+" of the last rotation does not sign before "+time+`\.`)
		close(stop)
		requests.Wait()
		for _, server := range servers {
			server.stop()
		}
	})
}

func TestKeysOfNoServerAreNotRotated(t *testing.T) {
	t.Parallel()
	at := onSQLite(t)
	at.start(t).stop()
	file := filepath.Join(at.folder, "data", "signing-key.pem")
	database := "DATABASE_URL=" + at.database
	execute(t, t.TempDir(), []string{database}, "keys", "rotate").want(t, 1, "there is no signing key data/signing-key.pem: set SIGNING_KEY or DATA_DIR")
	execute(t, at.folder, nil, "keys", "rotate", "--after=-1s").want(t, 80, "--after must be from 0s to 24h")
	execute(t, at.folder, nil, "keys", "rotate", "--after=0s").want(t, 0)

	// The root key is replaced.
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	at.start(t).stop()
	execute(t, at.folder, nil, "keys", "list").want(t, 0, "  root key  ", "of another root key")
	execute(t, at.folder, nil, "keys", "rotate").want(t, 1, "signing keys that only another root key opens", "say that this one is new")
	execute(t, at.folder, nil, "keys", "rotate", "--new-root").want(t, 0, " is good until ")
	if got := execute(t, at.folder, nil, "keys", "list"); strings.Contains(got.stdout, "another") {
		t.Errorf("listed are still:\n%s", got.stdout)
	}
}
