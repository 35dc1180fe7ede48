package auth

import "time"

// Session is what a client holds after it was let in.
type Session struct {
	AccessToken  string `json:"accessToken"`
	RefreshToken string `json:"refreshToken"`
	TokenType    string `json:"tokenType"` // always "Bearer"
	// ExpiresIn is how long the access token is good for, in seconds.
	ExpiresIn int  `json:"expiresIn"`
	User      User `json:"user"`
}

// pair makes an access token to go with a refresh token.
func (a *Accounts) pair(user User, sessionID, refreshToken string) (pair, error) {
	access, expires, err := a.Tokens.Issue(user, sessionID)
	return pair{AccessToken: access, RefreshToken: refreshToken, ExpiresAt: expires}, err
}

// session tells a pair to its user. The access token is good for expiresIn yet.
func (p pair) session(user User, expiresIn time.Duration) Session {
	return Session{
		AccessToken:  p.AccessToken,
		RefreshToken: p.RefreshToken,
		TokenType:    "Bearer",
		ExpiresIn:    int(expiresIn / time.Second),
		User:         user,
	}
}
