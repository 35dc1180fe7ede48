package main_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"dreamchat/pkg/auth"
	"dreamchat/pkg/jwks/jwkstest"
	"dreamchat/pkg/llm/llmtest"
)

// bearing is a caller with a token of another issuer.
func (p *process) bearing(token string) *client {
	p.tb.Helper()
	c := p.nobody()
	c.session.AccessToken = token
	return c
}

func (c *client) me() auth.User {
	c.tb.Helper()
	return want[auth.User](c, http.StatusOK, http.MethodGet, "/api/v1/auth/me", nil)
}

func TestTokensOfOtherIssuersAreGood(t *testing.T) {
	t.Parallel()
	onEach(t, func(t *testing.T, at installation) {
		key, old := jwkstest.Ed25519(t, "key"), jwkstest.RSA(t, "old", 2048)
		mana, work := jwkstest.New(t, key, old), jwkstest.New(t, key)
		router := llmtest.New(t)
		settings := append(openRouter(router), "MANA_CORE_AUTH_URL="+mana.URL+"/", "TITLES=false",
			"AUTH_ISSUERS=my-work="+work.URL, "AUTH_ISSUER_MY_WORK_AUDIENCES=chat, mana", "AUTH_ISSUER_MY_WORK_ADMIN_ROLES=owner")
		server := at.start(t, settings...)

		ada := server.bearing(mana.Token(t, key, "ada", nil))
		user := ada.me()
		if user.Issuer != mana.URL || user.Role != auth.RoleUser || user.Email != "ada@example.com" {
			t.Errorf("the account is %+v", user)
		}
		router.Script(llmtest.Answer("Hello to you"))
		talk := ada.conversation()
		ada.reply(http.StatusCreated, http.MethodPost, "/api/v1/conversations/"+talk.ID+"/messages",
			map[string]string{"content": "Hi"}, "Accept: application/json")

		if admin := server.bearing(mana.Token(t, old, "eve", map[string]any{"role": "admin", "aud": "manacore"})).me(); admin.Role != auth.RoleAdmin {
			t.Errorf("the administrator is %+v", admin)
		}
		for role, want := range map[string]auth.Role{"owner": auth.RoleAdmin, "admin": auth.RoleUser} {
			worker := server.bearing(work.Token(t, key, "the "+role, map[string]any{"role": role, "aud": []string{"chat"}, "iat": nil})).me()
			if worker.Issuer != work.URL || worker.Role != want {
				t.Errorf("as %s the account is %+v", role, worker)
			}
		}
		server.bearing("an-opaque-session-token").reply(http.StatusUnauthorized, http.MethodGet, "/api/v1/auth/me", nil)
		server.bearing(work.Token(t, key, "ada", map[string]any{"aud": "other"})).reply(http.StatusUnauthorized, http.MethodGet, "/api/v1/auth/me", nil)
		if log := server.stderr.String(); strings.Contains(log, "eyJ") {
			t.Errorf("a token is logged:\n%s", log)
		}
		server.stop()

		again := at.start(t, settings...)
		if same := again.bearing(mana.Token(t, key, "ada", nil)).me(); same.ID != user.ID {
			t.Errorf("after a restart the account is %+v", same)
		}
		again.stop()
	})
}

func TestTheServerStartsWithoutItsIssuer(t *testing.T) {
	t.Parallel()
	at := onSQLite(t)
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	server := at.start(t, "MANA_CORE_AUTH_URL="+closed.URL)
	issuer, key := jwkstest.New(t), jwkstest.Ed25519(t, "key")
	server.register("ada").me()
	server.bearing(issuer.Token(t, key, "ada", map[string]any{"iss": closed.URL})).
		reply(http.StatusServiceUnavailable, http.MethodGet, "/api/v1/auth/me", nil)
	if log := server.stderr.String(); !strings.Contains(log, "keys of an issuer not fetched") {
		t.Errorf("the operator is not told:\n%s", log)
	}
	server.stop()
}

func TestIssuersThatCannotBe(t *testing.T) {
	t.Parallel()
	const fine = "AUTH_ISSUER_WORK_AUDIENCES=chat"
	for name, test := range map[string]struct {
		environment []string
		want        string
	}{
		"no URL":          {[]string{"MANA_CORE_AUTH_URL=auth.example"}, "MANA_CORE_AUTH_URL must be an http or https URL"},
		"ourselves":       {[]string{"MANA_CORE_AUTH_URL=https://chat.example/", "APP_URL=https://chat.example"}, "MANA_CORE_AUTH_URL must be"},
		"no pair":         {[]string{"AUTH_ISSUERS=https://auth.example"}, "AUTH_ISSUERS must be name=URL pairs"},
		"scheme":          {[]string{"AUTH_ISSUERS=work=ftp://auth.example", fine}, "AUTH_ISSUERS must be name=URL pairs"},
		"space":           {[]string{"AUTH_ISSUERS=work=https://auth.example/a b", fine}, "AUTH_ISSUERS must be name=URL pairs"},
		"long":            {[]string{"AUTH_ISSUERS=work=https://auth.example/" + strings.Repeat("a", 255), fine}, "AUTH_ISSUERS must be name=URL pairs"},
		"name twice":      {[]string{"AUTH_ISSUERS=work=https://a.example,work=https://b.example", fine}, "AUTH_ISSUERS must name each issuer once"},
		"issuer twice":    {[]string{"AUTH_ISSUERS=work=https://a.example,b=https://a.example", fine, "AUTH_ISSUER_B_AUDIENCES=b"}, "AUTH_ISSUERS must name each issuer once"},
		"as Mana":         {[]string{"AUTH_ISSUERS=work=https://a.example", fine, "MANA_CORE_AUTH_URL=https://a.example"}, "AUTH_ISSUERS must name each issuer once"},
		"no audience":     {[]string{"AUTH_ISSUERS=work=https://a.example", "AUTH_ISSUER_WORK_AUDIENCES= , "}, "AUTH_ISSUER_WORK_AUDIENCES must name"},
		"address of keys": {[]string{"AUTH_ISSUERS=work=https://a.example", fine, "AUTH_ISSUER_WORK_JWKS=keys.json"}, "AUTH_ISSUER_WORK_JWKS must be"},
		"too many":        {[]string{"AUTH_ISSUERS=" + strings.Repeat("x=http://x,", 20) + "y=http://y"}, "AUTH_ISSUERS must name at most 20 issuers"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			execute(t, t.TempDir(), test.environment, "migrate", "status").want(t, 1, test.want)
		})
	}
}
