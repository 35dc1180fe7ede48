package api_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/problem"
)

const exportPath = "/api/v1/me/export"

func TestExportHoldsAllOfAnAccountAndNothingElse(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		user, ids := livedIn(t, s)
		_, others := livedIn(t, s)
		reply := user.Get(exportPath).Status(http.StatusOK)
		if got := reply.Header.Get("Content-Disposition"); !strings.HasPrefix(got, "attachment") {
			t.Errorf("Content-Disposition is %q", got)
		}
		text := string(reply.Bytes)
		for _, id := range ids {
			if !strings.Contains(text, id) {
				t.Errorf("%s is missing", id)
			}
		}
		for _, secret := range append(others, user.Session.RefreshToken, "argon2id", "$v=19") {
			if strings.Contains(text, secret) {
				t.Errorf("it holds %s", secret)
			}
		}
		var all struct {
			Conversations []struct {
				Conversation struct{ ID string }
				Messages     []any
			}
			Charges []struct{ Kind, Cost string }
		}
		if err := json.Unmarshal(reply.Bytes, &all); err != nil {
			t.Fatal(err)
		}
		if len(all.Conversations) != 3 || len(all.Charges) != 5 { // three answers, a completion, a title
			t.Errorf("there are %d conversations and %d charges", len(all.Conversations), len(all.Charges))
		}
		for _, conversation := range all.Conversations {
			listed := apitest.Decode[struct{ Data []any }](
				user.Get("/api/v1/conversations/" + conversation.Conversation.ID + "/messages?include=superseded&order=asc&limit=100"))
			if !reflect.DeepEqual(conversation.Messages, listed.Data) {
				t.Errorf("%s: it holds %v, listed are %v", conversation.Conversation.ID, conversation.Messages, listed.Data)
			}
		}
	})
}

func TestExportOfAnEmptyAccount(t *testing.T) {
	t.Parallel()
	got := apitest.Decode[struct{ Conversations, Charges []any }](apitest.Start(t, apitest.Options{}).User().Get(exportPath))
	if got.Conversations == nil || len(got.Conversations) != 0 || got.Charges == nil || len(got.Charges) != 0 {
		t.Errorf("it holds %+v", got)
	}
}

// openExport begins an export that is not held to the contract, which would keep all of it.
func openExport(t *testing.T, h house, user *apitest.User) io.ReadCloser {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.URL+exportPath, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+user.Token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	if response.StatusCode != http.StatusOK {
		t.Fatalf("the status is %d", response.StatusCode)
	}
	return response.Body
}

// Beside no other test, since what those hold in memory would count.
func TestExportTakesConstantMemory(t *testing.T) {
	eachHouse(t, apitest.Options{}, func(t *testing.T, h house) {
		user := h.User()
		fill(t, h, user, 40_000)
		held := func() uint64 {
			var stats runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&stats)
			return stats.HeapAlloc
		}
		before := held()
		body := openExport(t, h, user)
		total, most := int64(0), uint64(0)
		for {
			// The reader is slow: the server is ahead of it as far as it goes.
			n, err := io.CopyN(io.Discard, body, 4<<20)
			total += n
			most = max(most, held())
			if err != nil {
				break
			}
		}
		if total < 40<<20 || most > before+24<<20 {
			t.Errorf("for %d bytes it held %d more", total, most-before)
		}
	})
}

func TestExportIsOneAtATimeAndEndsWithSuspension(t *testing.T) {
	t.Parallel()
	eachHouse(t, apitest.Options{}, func(t *testing.T, h house) {
		user := h.User()
		fill(t, h, user, 20_000)
		body := openExport(t, h, user)
		refused := user.Get(exportPath)
		refused.Problem(problem.TooMany)
		if refused.Header.Get("Retry-After") == "" {
			t.Error("it is not said when to come again")
		}
		if err := h.Server.Accounts.Suspend(t.Context(), user.Session.User.ID, true); err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(body)
		if !errors.Is(err, io.ErrUnexpectedEOF) || json.Valid(text) {
			t.Errorf("%d bytes end with %v", len(text), err)
		}
	})
}

// What is deleted while it is exported has no messages left.
func TestExportGoesOnBesideADeletion(t *testing.T) {
	t.Parallel()
	eachHouse(t, apitest.Options{}, func(t *testing.T, h house) {
		user := h.User()
		fill(t, h, user, 20_000)
		gone := user.Conversation().ID
		user.Ask(gone, "Hello")
		body := openExport(t, h, user) // which waits for its reader in the first conversation
		user.Do(http.MethodDelete, "/api/v1/conversations/"+gone, nil).Status(http.StatusNoContent)
		var all struct {
			Conversations []struct {
				Conversation struct{ ID string }
				Messages     []any
			}
		}
		if err := json.NewDecoder(body).Decode(&all); err != nil {
			t.Fatal(err)
		}
		if len(all.Conversations) != 2 || len(all.Conversations[0].Messages) != 20_000 || len(all.Conversations[1].Messages) != 0 {
			t.Errorf("there are %d conversations", len(all.Conversations))
		}
	})
}
