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

const (
	refreshBytes    = 32
	refreshLifetime = 30 * 24 * time.Hour
	// rotateTimeout bounds what the database may take for a rotation.
	rotateTimeout = 8 * time.Second
)

// Refresh trades a refresh token for a new pair; the token is used up. Whoever
// uses it once more within RefreshGrace, while the new refresh token was not used
// yet, gets that very pair again: two tabs that race are one client. Any other
// further use may be a thief's, so it ends the session of the token and all that
// came of it, at once and on every instance. That is problem.InvalidCredentials,
// as is any token that is not good; too many of those from the client's address are
// problem.TooMany. A token of a suspended account is problem.AccountSuspended, and
// is not used up.
func (a *Accounts) Refresh(ctx context.Context, refreshToken string, client Client) (Session, error) {
	session, err := a.refresh(ctx, refreshToken, client)
	if errors.Is(err, problem.InvalidCredentials) {
		err = a.Guesses.Failed(ctx, client.Address, err)
	}
	return session, err
}

func (a *Accounts) refresh(ctx context.Context, refreshToken string, client Client) (Session, error) {
	hash, ok := refreshHash(refreshToken)
	if !ok {
		return Session{}, wrongRefresh(nil)
	}
	// Whoever leaves must not keep a stolen session from being ended.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rotateTimeout)
	defer cancel()
	used, user, err := a.owner(ctx, hash)
	if err != nil {
		return Session{}, err
	}
	if used.IsRepeatable(now(), a.RefreshGrace) {
		// Whoever comes late need not wait for those who race.
		return again(used.Answer, refreshToken, user)
	}
	token, next := a.newRefreshToken()
	next.FamilyID, next.UserID = used.FamilyID, used.UserID
	fresh, err := a.pair(user, used.FamilyID, token)
	if err != nil {
		return Session{}, err
	}
	rotation := Rotation{Used: used, Next: next, Grace: a.RefreshGrace, Client: client.kept()}
	if a.RefreshGrace > 0 {
		if rotation.Answer, err = fresh.seal(refreshToken); err != nil {
			return Session{}, err
		}
	}
	turn, answer, err := a.Store.RotateRefreshToken(ctx, rotation)
	switch {
	case err != nil:
		return Session{}, err
	case turn == TurnTaken:
		return fresh.session(user, AccessLifetime), nil
	case turn == TurnRepeated:
		return again(answer, refreshToken, user)
	}
	a.Standing.Changed(ctx, user.ID)
	return Session{}, problem.InvalidCredentials.New("This refresh token was used before. Log in again.")
}

// again tells what a refresh token was traded for.
func again(answer []byte, refreshToken string, user User) (Session, error) {
	told, err := unseal(answer, refreshToken)
	if err != nil {
		return Session{}, err
	}
	return told.session(user, time.Until(told.ExpiresAt)), nil
}

// owner finds a refresh token and whose it is, who must be let in.
func (a *Accounts) owner(ctx context.Context, hash string) (RefreshToken, User, error) {
	token, err := a.Store.RefreshToken(ctx, hash)
	var user User
	if err == nil {
		user, err = a.Store.User(ctx, token.UserID)
	}
	if errors.Is(err, problem.NotFound) {
		err = wrongRefresh(err)
	}
	if err == nil {
		err = a.admit(ctx, user, wrongRefresh(nil))
	}
	return token, user, err
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
