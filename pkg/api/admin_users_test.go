package api_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/auth"
	"dreamchat/pkg/id"
	"dreamchat/pkg/jwks/jwkstest"
	"dreamchat/pkg/problem"
	"dreamchat/pkg/store/storetest"
)

type shownAccount struct {
	auth.User
	Suspended   bool
	SuspendedAt *time.Time
}

type shownAccounts struct {
	Data       []shownAccount
	NextCursor *string
	HasMore    bool
}

func (a shownAccounts) names() string {
	var names []string
	for _, one := range a.Data {
		names = append(names, one.Username)
	}
	return strings.Join(names, " ")
}

func accountsOf(boss *apitest.User, query string) shownAccounts {
	return apitest.Decode[shownAccounts](boss.Get("/api/v1/admin/users?" + query).Status(http.StatusOK))
}

func patchAccount(boss *apitest.User, id string, body any) *apitest.Reply {
	return boss.Do(http.MethodPatch, "/api/v1/admin/users/"+id, body)
}

func suspend(boss, user *apitest.User, suspended bool) shownAccount {
	reply := patchAccount(boss, user.Session.User.ID, map[string]any{"suspended": suspended})
	return apitest.Decode[shownAccount](reply.Status(http.StatusOK))
}

func TestAccountsAreListedPageByPage(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		for _, name := range []string{"a", "b", "c", "d", "e"} {
			storetest.User(t, s.Store, name)
		}
		boss := admin(t, s) // the newest
		page := accountsOf(boss, "limit=2")
		if got := page.names(); !strings.HasSuffix(got, " e") || !page.HasMore || page.NextCursor == nil {
			t.Fatalf("the first page is %q, %+v", got, page)
		}
		storetest.User(t, s.Store, "late")
		second := accountsOf(boss, "limit=3&cursor="+*page.NextCursor)
		last := accountsOf(boss, "limit=3&cursor="+*second.NextCursor)
		if got := second.names() + "|" + last.names(); got != "d c b|a" || last.HasMore || last.NextCursor != nil {
			t.Errorf("then follow %q, %+v", got, last)
		}
		forged := "B" + (*page.NextCursor)[1:]
		for _, bad := range []string{"", "x", *page.NextCursor + "A", forged, strings.Repeat("A", 2000)} {
			boss.Get("/api/v1/admin/users?cursor=" + bad).Problem(problem.InvalidCursor)
		}
		conversation := boss.Conversation().ID
		boss.Ask(conversation, "Hello")
		messages := apitest.Decode[struct{ NextCursor *string }](boss.Get("/api/v1/conversations/" + conversation + "/messages?limit=1"))
		boss.Get("/api/v1/admin/users?cursor=" + *messages.NextCursor).Problem(problem.InvalidCursor)
		for _, bad := range []string{"limit=0", "limit=101", "role=KING", "role=", "suspended=1", "q=%00", "q=" + strings.Repeat("a", 255)} {
			boss.Get("/api/v1/admin/users?" + bad).Problem(problem.Invalid)
		}
	})
}

func TestAccountsAreFiltered(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		for _, name := range []string{"ada.l", "Grace_H", "grace-x", "Ünal"} {
			storetest.User(t, s.Store, name)
		}
		boss := admin(t, s)
		shut := storetest.User(t, s.Store, "eve")
		patchAccount(boss, shut.ID, map[string]any{"suspended": true}).Status(http.StatusOK)
		for query, want := range map[string]string{
			"q=GRACE":              "grace-x Grace_H",
			"q=e_h":                "Grace_H",
			"q=%25":                "",
			"q=!":                  "",
			"q=Q@EXAMPLE":          "",
			"q=L@EXAMPLE.com":      "Ünal ada.l",
			"q=ÜNA":                "Ünal",
			"suspended=true":       "eve",
			"suspended=false&q=e_": "Grace_H",
			"role=ADMIN":           boss.Session.User.Username,
			"role=ADMIN&q=grace":   "",
			"role=USER&limit=1":    "eve",
		} {
			values, err := url.ParseQuery(query)
			if err != nil {
				t.Fatal(err)
			}
			if got := accountsOf(boss, values.Encode()).names(); got != want {
				t.Errorf("%s: %q, want %q", query, got, want)
			}
		}
	})
}

func TestAdministratorsChangeAccounts(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		boss, user := admin(t, s), s.User()
		me, path := boss.Session.User.ID, "/api/v1/admin/users/"+user.Session.User.ID
		for _, body := range []map[string]any{{}, {"role": "KING"}, {"role": nil}, {"suspended": "yes"}} {
			patchAccount(boss, user.Session.User.ID, body).Problem(problem.Invalid)
		}
		patchAccount(boss, user.Session.User.ID, map[string]any{"email": "a@b.c"}).Problem(problem.Malformed)
		for _, nobody := range []string{id.New(), "nobody", "%F0%9F%92%A9", "%00", "%FF", strings.Repeat("a", 256)} {
			patchAccount(boss, nobody, map[string]any{"role": "ADMIN"}).Problem(problem.NotFound)
			boss.Get("/api/v1/admin/users/" + nobody).Problem(problem.NotFound)
		}
		patchAccount(boss, me, map[string]any{"role": "USER"}).Problem(problem.Conflict)
		patchAccount(boss, me, map[string]any{"suspended": true}).Problem(problem.Conflict)
		patchAccount(boss, me, map[string]any{"suspended": false, "role": "ADMIN"}).Status(http.StatusOK)

		shut := suspend(boss, user, true)
		if !shut.Suspended || shut.SuspendedAt == nil || shut.Username != user.Session.User.Username || shut.Role != auth.RoleUser {
			t.Errorf("suspended it is %+v", shut)
		}
		again := apitest.Decode[shownAccount](patchAccount(boss, user.Session.User.ID, map[string]any{"suspended": true, "role": "ADMIN"}))
		if again.Role != auth.RoleAdmin || !again.SuspendedAt.Equal(*shut.SuspendedAt) {
			t.Errorf("suspended again it is %+v", again)
		}
		user.Get("/api/v1/auth/me").Problem(problem.AccountSuspended)
		if open := suspend(boss, user, false); open.Suspended || open.SuspendedAt != nil {
			t.Errorf("let in again it is %+v", open)
		}
		user.Get(path).Status(http.StatusOK) // an administrator by now
		patchAccount(boss, user.Session.User.ID, map[string]any{"role": "USER"}).Status(http.StatusOK)
		user.Get(path).Problem(problem.Forbidden)
	})
}

func TestAdministratorsCannotShutEachOtherOutAtOnce(t *testing.T) {
	t.Parallel()
	apitest.Each(t, func(t *testing.T, s *apitest.Service) {
		for range 5 {
			bosses := []*apitest.User{admin(t, s), admin(t, s)}
			var statuses [2]int
			var all sync.WaitGroup
			for i := range bosses {
				all.Go(func() {
					other := bosses[1-i].Session.User.ID
					statuses[i] = patchAccount(bosses[i], other, map[string]any{"role": "USER"}).StatusCode
				})
			}
			all.Wait()
			slices.Sort(statuses[:])
			if statuses != [2]int{http.StatusOK, http.StatusForbidden} {
				t.Errorf("the answers are %v", statuses)
			}
		}
	})
}

func TestAccountsOfAnotherIssuerKeepTheRoleThatItTells(t *testing.T) {
	t.Parallel()
	key := jwkstest.Ed25519(t, "key")
	issuer := jwkstest.New(t, key)
	apitest.EachWith(t, apitest.Options{Issuers: []auth.Issuer{trusted(t, issuer)}}, func(t *testing.T, s *apitest.Service) {
		boss := admin(t, s)
		token := issuer.Token(t, key, "subject", map[string]any{"email": "Grace@Example.com", "name": "Grace"})
		grace := me(t, s, token)
		for query, want := range map[string]string{"q=GRACE@": grace.Username, "q=external": "", "q=subject": ""} {
			page := accountsOf(boss, query)
			if page.names() != want || want != "" && (page.Data[0].Issuer != issuer.URL || page.Data[0].Email != "grace@example.com") {
				t.Errorf("%s: %+v, want %q", query, page, want)
			}
		}
		patchAccount(boss, grace.ID, map[string]any{"role": "ADMIN"}).Problem(problem.Conflict)
		patchAccount(boss, grace.ID, map[string]any{"role": "USER", "suspended": true}).Status(http.StatusOK)
		bearer(t, s, token).Get("/api/v1/auth/me").Problem(problem.AccountSuspended)
		patchAccount(boss, grace.ID, map[string]any{"suspended": false}).Status(http.StatusOK)
		bearer(t, s, token).Get("/api/v1/auth/me").Status(http.StatusOK)
	})
}
