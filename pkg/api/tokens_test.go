package api_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"net/http"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"dreamchat/pkg/api/apitest"
	"dreamchat/pkg/auth"
	"dreamchat/pkg/id"
	"dreamchat/pkg/problem"
)

// signer makes tokens with the key of a service that the service never made.
type signer struct {
	key    *auth.Key
	userID string
}

func (s signer) sign(t *testing.T, issued time.Time, audience string) string {
	t.Helper()
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{
		"iss": "test", "sub": s.userID, "aud": audience, "role": "USER", "jti": id.New(),
		"iat": issued.Unix(), "exp": issued.Add(auth.AccessLifetime).Unix(),
	})
	token.Header["kid"] = s.key.ID()
	signed, err := token.SignedString(secretOf(t, s.key))
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// fresh is a token as the service makes them.
func (s signer) fresh(t *testing.T) string {
	t.Helper()
	return s.sign(t, time.Now(), "dreamchat")
}

func TestTokensThatAreNotGood(t *testing.T) {
	t.Parallel()
	key := apitest.Key(t)
	user := apitest.Start(t, apitest.Options{Key: key}).User()
	ours := signer{key, user.Session.User.ID}
	ticket := apitest.Decode[map[string]any](user.Post("/api/v1/auth/stream-tickets", nil).Status(http.StatusCreated))["ticket"].(string)
	good, hourAgo := user.Token, time.Now().Add(-time.Hour)

	for _, test := range []struct {
		name, authorization string
		kind                problem.Kind
	}{
		{"none", "", problem.Unauthenticated},
		{"other scheme", "Basic dXNlcjpwYXNzd29yZA==", problem.Unauthenticated},
		{"no token", "Bearer", problem.Unauthenticated},
		{"token without a scheme", good, problem.Unauthenticated},
		{"garbage", "Bearer garbage", problem.TokenMalformed},
		{"three parts of garbage", "Bearer a.b.c", problem.TokenMalformed},
		{"cut short", "Bearer " + good[:len(good)-6], problem.TokenSignature},
		{"two tokens", "Bearer " + good + " " + good, problem.TokenMalformed},
		{"refresh token", "Bearer " + user.Session.RefreshToken, problem.TokenMalformed},
		{"ticket", "Bearer " + ticket, problem.TokenAudience},
		{"signed by another", "Bearer " + signer{apitest.Key(t), user.Session.User.ID}.fresh(t), problem.TokenKeyUnknown},
		{"for others", "Bearer " + ours.sign(t, time.Now(), "elsewhere"), problem.TokenAudience},
		{"from the future", "Bearer " + ours.sign(t, time.Now().Add(time.Hour), "dreamchat"), problem.TokenNotYetValid},
		{"expired", "Bearer " + ours.sign(t, hourAgo, "dreamchat"), problem.TokenExpired},
		{"expired and for others", "Bearer " + ours.sign(t, hourAgo, "elsewhere"), problem.TokenAudience},
	} {
		t.Run(test.name, func(t *testing.T) {
			reply := user.In(t).Get("/api/v1/models", "Authorization: "+test.authorization)
			reply.Problem(test.kind)
			want := `Bearer realm="dreamchat"`
			if test.kind != problem.Unauthenticated {
				want += `, error="invalid_token", error_description="` + test.kind.Code() + `"`
			}
			if got := reply.Header.Get("WWW-Authenticate"); got != want {
				t.Errorf("WWW-Authenticate is %q, want %q", got, want)
			}
		})
	}
	user.Get("/api/v1/models", "Authorization: bearer "+ours.fresh(t)).Status(http.StatusOK)
}

func TestTicketsOpenStreamsAndNothingElse(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user, nobody := s.User(), s.Nobody()
	answer := user.Ask(user.Conversation().ID, "Hello").Message
	created := user.Post("/api/v1/auth/stream-tickets", nil).Status(http.StatusCreated)
	if created.Header.Get("Cache-Control") != "no-store" {
		t.Error("a cache may keep a ticket")
	}
	ticket := apitest.Decode[struct {
		Ticket    string `json:"ticket"`
		ExpiresIn int    `json:"expiresIn"`
	}](created)
	if ticket.ExpiresIn != 120 {
		t.Errorf("it is good for %d seconds", ticket.ExpiresIn)
	}
	stream := "/api/v1/messages/" + answer.ID + "/events?ticket="

	nobody.Get(stream + ticket.Ticket).Status(http.StatusOK)
	nobody.Get(stream + ticket.Ticket).Status(http.StatusOK) // EventSource repeats its address
	for name, bad := range map[string]struct {
		ticket string
		kind   problem.Kind
	}{
		"an access token": {user.Token, problem.TokenAudience},
		"a refresh token": {user.Session.RefreshToken, problem.TokenMalformed},
		"garbage":         {"garbage", problem.TokenMalformed},
	} {
		t.Run(name, func(t *testing.T) { nobody.In(t).Get(stream + bad.ticket).Problem(bad.kind) })
	}
	// A bad ticket is not made good by a token beside it.
	user.Get(stream + "garbage").Problem(problem.TokenMalformed)
	for _, path := range []string{"/api/v1/models", "/api/v1/auth/me", "/api/v1/conversations", "/api/v1/messages/" + answer.ID} {
		nobody.Get(path + "?ticket=" + ticket.Ticket).Problem(problem.Unauthenticated)
	}
	stranger := apitest.Decode[map[string]any](s.User().Post("/api/v1/auth/stream-tickets", nil))["ticket"].(string)
	nobody.Get(stream + stranger).Problem(problem.NotFound)
}

func TestTokensCanBeCheckedWithThePublishedKeys(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := s.User()
	set := apitest.Decode[struct {
		Keys []struct{ Kid, X string }
	}](s.Nobody().Get("/.well-known/jwks.json").Status(http.StatusOK))
	public, err := base64.RawURLEncoding.DecodeString(set.Keys[0].X)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.Parse(user.Token, func(token *jwt.Token) (any, error) {
		if token.Header["kid"] != set.Keys[0].Kid {
			t.Errorf("the token names the key %v", token.Header["kid"])
		}
		return ed25519.PublicKey(public), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if subject, _ := token.Claims.GetSubject(); subject != user.Session.User.ID {
		t.Errorf("the token speaks for %q", subject)
	}
}
