package api_test

import (
	"bytes"
	"crypto/sha256"
	"database/sql"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/id"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/servertest"
	"dreamchat/pkg/store/storetest"
)

const apiKeys = "/api/v1/auth/api-keys"

type apiKey struct {
	ID, Name, Prefix, Key string
	Scopes                []string
	ExpiresAt, CreatedAt  time.Time
	LastUsedAt            *time.Time
}

func createKey(user *apitest.User, body map[string]any) apiKey {
	return apitest.Decode[apiKey](user.Post(apiKeys, body).Status(http.StatusCreated))
}

// withKey is the user with an API key in place of the access token.
func withKey(s *apitest.Service, user *apitest.User, scopes ...string) *apitest.User {
	keyed := s.As(user)
	body := map[string]any{"name": "of a test"}
	if len(scopes) > 0 {
		body["scopes"] = scopes
	}
	keyed.Token = createKey(user, body).Key
	return keyed
}

func keysOf(user *apitest.User) []apiKey {
	return apitest.Decode[struct{ Data []apiKey }](user.Get(apiKeys).Status(http.StatusOK)).Data
}

var apiKeyForm = regexp.MustCompile(`^dck_[A-Z2-7]{59}$`)

func TestAPIKeyFromItsCreationToItsEnd(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user := s.User()
		created := user.Post(apiKeys, map[string]any{"name": "Editor"}).Status(http.StatusCreated)
		if created.Header.Get("Cache-Control") != "no-store" {
			t.Error("a cache may keep the key")
		}
		key := apitest.Decode[apiKey](created)
		if !apiKeyForm.MatchString(key.Key) || key.Prefix != key.Key[:10] || !slices.Equal(key.Scopes, []string{"chat", "read"}) {
			t.Errorf("the key is %+v", key)
		}
		sum := binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(key.Key[4:56])))
		if key.Key[56:] != base32.StdEncoding.EncodeToString(sum)[:7] {
			t.Error("the checksum is not the one that is documented")
		}
		if lifetime := key.ExpiresAt.Sub(key.CreatedAt); lifetime != 90*24*time.Hour {
			t.Errorf("it is good for %s", lifetime)
		}
		other := createKey(user, map[string]any{"name": "Reader", "scopes": []string{"read", "read"}, "expiresIn": 60})
		if !slices.Equal(other.Scopes, []string{"read"}) || other.ExpiresAt.Sub(other.CreatedAt) != time.Minute {
			t.Errorf("the other key is %+v", other)
		}
		listed := user.Get(apiKeys).Status(http.StatusOK)
		if bytes.Contains(listed.Bytes, []byte(key.Key[10:])) {
			t.Error("the list shows a key")
		}
		if got := keysOf(user); len(got) != 2 || got[0].ID != other.ID || got[1].ID != key.ID || got[1].LastUsedAt != nil {
			t.Errorf("the list is %+v", got)
		}
		program := s.Nobody()
		program.Token = key.Key
		conversation := program.Conversation()
		program.Ask(conversation.ID, "Hello")
		program.Get("/api/v1/conversations", "Authorization: bearer  "+key.Key).Status(http.StatusOK)
		if got := show(user, conversation.ID); got.MessageCount != 2 {
			t.Errorf("its owner has %+v", got)
		}
		user.Do(http.MethodDelete, apiKeys+"/"+key.ID, nil).Status(http.StatusNoContent)
		program.Get("/api/v1/conversations").Problem(problem.Unauthenticated)
		user.Do(http.MethodDelete, apiKeys+"/"+key.ID, nil).Problem(problem.NotFound)
		if got := keysOf(user); len(got) != 1 || got[0].ID != other.ID {
			t.Errorf("the list is %+v", got)
		}
	})
}

func TestAPIKeysAreStoredAsHashes(t *testing.T) {
	t.Parallel()
	eachWithSQL(t, func(t *testing.T, s *apitest.Service, db *sql.DB) {
		key := createKey(s.User(), map[string]any{"name": "Editor"})
		rows, err := db.QueryContext(t.Context(), "SELECT * FROM api_keys")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = rows.Close() }()
		names, err := rows.Columns()
		if err != nil || !rows.Next() {
			t.Fatal("there is no row", err)
		}
		values, into := make([]any, len(names)), make([]any, len(names))
		for i := range values {
			into[i] = &values[i]
		}
		if err := errors.Join(rows.Scan(into...), rows.Err()); err != nil {
			t.Fatal(err)
		}
		row := fmt.Sprint(values...)
		sum := sha256.Sum256([]byte(key.Key))
		if strings.Contains(row, key.Key[len(key.Prefix):]) || !strings.Contains(row, hex.EncodeToString(sum[:])) {
			t.Errorf("the row is %s", row)
		}
	})
}

func TestAPIKeysThatAreNotGood(t *testing.T) {
	t.Parallel()
	eachWithSQL(t, func(t *testing.T, s *apitest.Service, db *sql.DB) {
		user := s.User()
		good, old := createKey(user, map[string]any{"name": "good"}), createKey(user, map[string]any{"name": "old"})
		unknown := createKey(user, map[string]any{"name": "unknown"})
		user.Do(http.MethodDelete, apiKeys+"/"+unknown.ID, nil).Status(http.StatusNoContent)
		expire(t, db, old.ID)
		other := "A"
		if strings.HasPrefix(good.Key[20:], other) {
			other = "B"
		}
		for name, test := range map[string]struct {
			text string
			kind problem.Kind
		}{
			"expired":       {old.Key, problem.TokenExpired},
			"unknown":       {unknown.Key, problem.Unauthenticated},
			"mistyped":      {good.Key[:20] + other + good.Key[21:], problem.Unauthenticated},
			"cut off":       {good.Key[:40], problem.Unauthenticated},
			"only the mark": {"dck_", problem.Unauthenticated},
			"with more":     {good.Key + "A", problem.Unauthenticated},
			"other case":    {strings.ToLower(good.Key), problem.Unauthenticated},
			"very long":     {"dck_" + strings.Repeat("A", 16<<10), problem.Unauthenticated},
		} {
			t.Run(name, func(t *testing.T) {
				caller := s.Nobody().In(t)
				caller.Token = test.text
				reply := caller.Get("/api/v1/models")
				document := reply.Problem(test.kind)
				if got := reply.Header.Get("WWW-Authenticate"); got != `Bearer realm="dreamchat", error="invalid_token", error_description="`+test.kind.Code()+`"` {
					t.Errorf("WWW-Authenticate is %q", got)
				}
				if !strings.Contains(document.Detail, "API key") || strings.Contains(document.Detail, "dck_") {
					t.Errorf("the caller is told %q", document.Detail)
				}
				asked := caller.Post(completions, completion(apitest.Model, "Hi")).Status(http.StatusUnauthorized)
				if got := envelope(asked); got.Code != test.kind.Code() || got.Type != "authentication_error" {
					t.Errorf("OpenAI's envelope is %+v", got)
				}
			})
		}
		user.Get("/api/v1/models?ticket="+good.Key, "Authorization: ").Problem(problem.Unauthenticated)
		user.Get("/api/v1/events?ticket=" + good.Key).Problem(problem.TokenMalformed)
	})
}

// expire ends a key now.
func expire(t *testing.T, db *sql.DB, keyID string) {
	t.Helper()
	execute(t, db, "UPDATE api_keys SET expires_at = created_at WHERE id = '"+keyID+"'")
}

func TestAPIKeyIsRevokedOnEveryInstanceAtOnce(t *testing.T) {
	t.Parallel()
	url := servertest.Redis(t)
	store, key := storetest.Postgres(t), apitest.Key(t)
	start := func() *apitest.Service {
		return apitest.Start(t, apitest.Options{Store: store, Key: key, Cache: apitest.Redis(t, url)})
	}
	here, there := start(), start()
	user := here.User()
	for range 5 {
		made := createKey(user, map[string]any{"name": "Editor"})
		program := there.Nobody()
		program.Token = made.Key
		program.Get("/api/v1/models").Status(http.StatusOK)
		feed := program.Stream(t.Context(), http.MethodGet, "/api/v1/events", nil)
		user.Do(http.MethodDelete, apiKeys+"/"+made.ID, nil).Status(http.StatusNoContent)
		program.Get("/api/v1/models").Problem(problem.Unauthenticated)
		endsWith(t, "feed", feed, problem.SessionEnded)
	}
}

func TestAPIKeysAreLimited(t *testing.T) {
	t.Parallel()
	eachWithSQL(t, func(t *testing.T, s *apitest.Service, db *sql.DB) {
		user := s.User()
		var made atomic.Int32
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for range 7 {
					if user.Post(apiKeys, map[string]any{"name": "Editor"}).StatusCode == http.StatusCreated {
						made.Add(1)
					}
				}
			})
		}
		all.Wait()
		if made.Load() != 50 {
			t.Errorf("%d keys were made", made.Load())
		}
		document := user.Post(apiKeys, map[string]any{"name": "one more"}).Problem(problem.Conflict)
		if document.Details["limit"] != 50.0 {
			t.Errorf("the details are %v", document.Details)
		}
		s.User().Post(apiKeys, map[string]any{"name": "of another"}).Status(http.StatusCreated)
		listed := keysOf(user)
		expire(t, db, listed[3].ID)
		newest := createKey(user, map[string]any{"name": "in its place"})
		after := keysOf(user)
		if len(listed) != 50 || len(after) != 50 || after[0].ID != newest.ID || slices.ContainsFunc(after, func(k apiKey) bool { return k.ID == listed[3].ID }) {
			t.Errorf("%d keys are listed, then %d", len(listed), len(after))
		}
	})
}

func TestAPIKeyRequestsThatAreWrong(t *testing.T) {
	t.Parallel()
	user := apitest.Start(t, apitest.Options{}).User()
	for name, test := range map[string]struct {
		body    string
		pointer string
	}{
		"no name":           {`{}`, "/name"},
		"blank name":        {`{"name":" "}`, "/name"},
		"long name":         {`{"name":"` + strings.Repeat("x", 101) + `"}`, "/name"},
		"name with a zero":  {`{"name":"a\u0000"}`, "/name"},
		"no scopes":         {`{"name":"a","scopes":[]}`, "/scopes"},
		"unknown scope":     {`{"name":"a","scopes":["read","admin"]}`, "/scopes/1"},
		"too many scopes":   {`{"name":"a","scopes":["read","read","read"]}`, "/scopes"},
		"scopes as a text":  {`{"name":"a","scopes":"read"}`, "/scopes"},
		"too short a life":  {`{"name":"a","expiresIn":59}`, "/expiresIn"},
		"longer than years": {`{"name":"a","expiresIn":31536001}`, "/expiresIn"},
		"half a second":     {`{"name":"a","expiresIn":60.5}`, "/expiresIn"},
		"for ever":          {`{"name":"a","expiresIn":null}`, "/expiresIn"},
	} {
		t.Run(name, func(t *testing.T) {
			document := user.In(t).Post(apiKeys, test.body).Problem(problem.Invalid)
			if len(document.Errors) != 1 || document.Errors[0].Pointer != test.pointer {
				t.Errorf("the errors are %+v", document.Errors)
			}
		})
	}
	user.Post(apiKeys, `{"name":"a","key":"dck_mine"}`).Problem(problem.Malformed)
	user.Do(http.MethodDelete, apiKeys+"/"+id.New(), nil).Problem(problem.NotFound)
	user.Do(http.MethodDelete, apiKeys+"/x", nil).Problem(problem.NotFound)
}

func TestAPIKeysAndOpenAIsWire(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := s.User()
	withKey(s, user, "chat").Post(completions, streamed(false)).Status(http.StatusOK)
	withKey(s, user, "read").Get("/api/v1/models").Status(http.StatusOK)
	refused := withKey(s, user, "read").Post(completions, completion(apitest.Model, "Hi")).Status(http.StatusForbidden)
	if got := envelope(refused); got.Code != "forbidden" || !strings.Contains(got.Message, "chat") {
		t.Errorf("OpenAI's envelope is %+v", got)
	}
}

func TestScopesAreNamedToWhomTheyAreMissing(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	reader := withKey(s, s.User(), "read")
	if got := reader.Post("/api/v1/conversations", nil).Problem(problem.Forbidden); got.Details["scope"] != "chat" {
		t.Errorf("the details are %v", got.Details)
	}
	if got := reader.Get(apiKeys).Problem(problem.Forbidden); got.Details != nil || !strings.Contains(got.Detail, "access token") {
		t.Errorf("the problem is %+v", got)
	}
}
