package auth

import (
	"context"
	"net/netip"
	"strings"
	"time"
	"unicode"

	"dreamchat/pkg/id"
)

// MaxDevices is how many sessions of an account can be open. One more ends the
// one that was not used for the longest time.
const MaxDevices = 100

// Device is a session as its owner sees it: one login, which its refresh tokens
// carry on until it expires or is ended.
type Device struct {
	// ID is the "sid" of the session's access tokens and the FamilyID of its
	// refresh tokens.
	ID     string `json:"id"`
	UserID string `json:"-"`
	// UserAgent and Address are of the client that used the session last; empty
	// if it did not say, or is not known.
	UserAgent string    `json:"device"`
	Address   string    `json:"address"`
	CreatedAt time.Time `json:"createdAt"`
	// LastUsedAt is when tokens were given out last.
	LastUsedAt time.Time `json:"lastUsedAt"`
	ExpiresAt  time.Time `json:"expiresAt"`
	// RevokedAt is set once it was ended, by whomever.
	RevokedAt *time.Time `json:"-"`
}

// Client is what is known of the program that asks for a session. Both fields
// come from outside and may hold anything.
type Client struct {
	// UserAgent is how it names itself.
	UserAgent string
	// Address is the IP address that it comes from.
	Address string
}

// maxUserAgent bounds what is kept of a client's name, in bytes. Those of
// browsers take some 120.
const maxUserAgent = 256

// kept is the client as it can be stored and shown: a short line of text, and an
// address or nothing.
func (c Client) kept() Client {
	name := strings.ToValidUTF8(c.UserAgent[:min(len(c.UserAgent), maxUserAgent)], "")
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, name)
	address, err := netip.ParseAddr(c.Address)
	if err != nil {
		return Client{UserAgent: name}
	}
	return Client{UserAgent: name, Address: address.WithZone("").String()}
}

// Devices lists the open sessions of an account, the one used last first, at most
// MaxDevices.
func (a *Accounts) Devices(ctx context.Context, userID string) ([]Device, error) {
	return a.Store.Devices(ctx, userID, now(), MaxDevices)
}

// EndDevice ends a session of an account: its refresh token, its access tokens
// and its stream tickets are good no more, on any instance. An id that is not of
// an open session of the account is problem.NotFound.
func (a *Accounts) EndDevice(ctx context.Context, userID, id string) error {
	if err := a.Store.EndDevice(ctx, userID, id, now()); err != nil {
		return err
	}
	a.Standing.Changed(ctx, userID)
	return nil
}

// Logout ends the session that this refresh token is of, as EndDevice does. A
// token that is not known is no error.
func (a *Accounts) Logout(ctx context.Context, refreshToken string) error {
	hash, ok := refreshHash(refreshToken)
	if !ok {
		return nil
	}
	userID, err := a.Store.EndDeviceOf(ctx, hash, now())
	if err == nil && userID != "" {
		a.Standing.Changed(ctx, userID)
	}
	return err
}

// open lets a user in whose password was checked against user.PasswordHash. If
// that is another by now, it is problem.Conflict.
func (a *Accounts) open(ctx context.Context, user User, client Client) (Session, error) {
	token, first := a.newRefreshToken()
	first.FamilyID, first.UserID = id.New(), user.ID
	client = client.kept()
	ended, err := a.Store.OpenDevice(ctx, Opening{
		Device: Device{
			ID: first.FamilyID, UserID: user.ID, UserAgent: client.UserAgent, Address: client.Address,
			CreatedAt: first.CreatedAt, LastUsedAt: first.CreatedAt, ExpiresAt: first.ExpiresAt,
		},
		Token:        first,
		PasswordHash: user.PasswordHash,
		Most:         MaxDevices,
	})
	if err != nil {
		return Session{}, err
	}
	if ended {
		a.Standing.Changed(ctx, user.ID)
	}
	pair, err := a.pair(user, first.FamilyID, token)
	if err != nil {
		return Session{}, err
	}
	return pair.session(user, AccessLifetime), nil
}
