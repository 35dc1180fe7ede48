package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"time"

	"dreamchat/pkg/id"
	"dreamchat/pkg/problem"
)

// Session is what a client holds after it was let in.
type Session struct {
	AccessToken  string `json:"accessToken"`
	RefreshToken string `json:"refreshToken"`
	TokenType    string `json:"tokenType"` // always "Bearer"
	// ExpiresIn is how long the access token is good for, in seconds.
	ExpiresIn int  `json:"expiresIn"`
	User      User `json:"user"`
}

const (
	refreshBytes    = 32
	refreshLifetime = 30 * 24 * time.Hour
	// rotateTimeout bounds what the database may take for a rotation.
	rotateTimeout = 5 * time.Second
)

// Refresh trades a refresh token for a new session; the token is used up. A
// token that is not good is problem.InvalidCredentials. So is one that was used
// before, and as it may have been stolen, everything that came of the same
// login ends with it.
func (a *Accounts) Refresh(ctx context.Context, refreshToken string) (Session, error) {
	hash, ok := refreshHash(refreshToken)
	if !ok {
		return Session{}, wrongRefresh(nil)
	}
	// Whoever leaves must not keep a stolen family from being revoked.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rotateTimeout)
	defer cancel()
	token, next := a.newRefreshToken()
	next, err := a.Store.RotateRefreshToken(ctx, hash, next, next.CreatedAt)
	if err != nil {
		return Session{}, err
	}
	user, err := a.Store.User(ctx, next.UserID)
	if errors.Is(err, problem.NotFound) {
		return Session{}, wrongRefresh(err)
	}
	if err != nil {
		return Session{}, err
	}
	return a.session(user, next.FamilyID, token)
}

// Logout ends everything that came of the login that this refresh token is
// of. A token that is not known is no error. Access tokens that are out stay
// good until they expire.
func (a *Accounts) Logout(ctx context.Context, refreshToken string) error {
	hash, ok := refreshHash(refreshToken)
	if !ok {
		return nil
	}
	return a.Store.RevokeFamily(ctx, hash, now())
}

func (a *Accounts) open(ctx context.Context, user User) (Session, error) {
	token, first := a.newRefreshToken()
	first.FamilyID = id.New()
	first.UserID = user.ID
	if err := a.Store.AddRefreshToken(ctx, first); err != nil {
		return Session{}, err
	}
	return a.session(user, first.FamilyID, token)
}

func (a *Accounts) session(user User, id, refreshToken string) (Session, error) {
	access, _, err := a.Tokens.Issue(user, id)
	if err != nil {
		return Session{}, err
	}
	return Session{
		AccessToken:  access,
		RefreshToken: refreshToken,
		TokenType:    "Bearer",
		ExpiresIn:    int(AccessLifetime / time.Second),
		User:         user,
	}, nil
}

func (a *Accounts) newRefreshToken() (string, RefreshToken) {
	lifetime := a.RefreshLifetime
	if lifetime == 0 {
		lifetime = refreshLifetime
	}
	secret := make([]byte, refreshBytes)
	rand.Read(secret)
	token := base64.RawURLEncoding.EncodeToString(secret)
	hash, _ := refreshHash(token)
	created := now()
	return token, RefreshToken{
		ID:        id.New(),
		Hash:      hash,
		ExpiresAt: created.Add(lifetime),
		CreatedAt: created,
	}
}

// refreshHash gives what a token is stored under, and whether it can be one of
// ours at all.
func refreshHash(token string) (string, bool) {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:]), len(token) == base64.RawURLEncoding.EncodedLen(refreshBytes)
}

func wrongRefresh(cause error) error {
	return problem.InvalidCredentials.Because(cause, "The refresh token is not valid.")
}
