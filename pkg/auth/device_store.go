package auth

import (
	"context"
	"time"
)

// DeviceStore keeps sessions and their refresh tokens. All that happens to one
// session happens one after the other. A database that is away is
// problem.Unavailable.
type DeviceStore interface {
	// OpenDevice stores a session with its first refresh token. It ends those that
	// were not used for the longest time if there are more than Most then, and
	// tells whether it did. An account that has another password by now, or is
	// gone, is problem.Conflict.
	OpenDevice(ctx context.Context, opening Opening) (ended bool, err error)
	// Devices lists the sessions of a user that have neither been ended nor
	// expired by now, the one used last first.
	Devices(ctx context.Context, userID string, now time.Time, limit int) ([]Device, error)
	// EndDevice is problem.NotFound for an id that is not of a session that
	// Devices would list.
	EndDevice(ctx context.Context, userID, id string, now time.Time) error
	// EndDeviceOf ends the session that the refresh token with this hash is of, and
	// returns whose it is: nobody's if the hash is unknown.
	EndDeviceOf(ctx context.Context, hash string, now time.Time) (userID string, err error)

	// RefreshToken finds a refresh token by its hash, whatever became of it, else
	// problem.NotFound.
	RefreshToken(ctx context.Context, hash string) (RefreshToken, error)
	// RotateRefreshToken uses a refresh token. One that is unknown, expired or
	// revoked is problem.InvalidCredentials. Of those who use one that is good the
	// first gets TurnTaken; see Turn for the others.
	RotateRefreshToken(ctx context.Context, rotation Rotation) (Turn, []byte, error)

	// ReplacePassword gives an account another hash of its password unless that is
	// not old any more, which is problem.Conflict, as is an account that is gone.
	ReplacePassword(ctx context.Context, change PasswordChange) error

	// PruneDevices deletes, at most limit of each kind, refresh tokens that
	// expired or were revoked before a time, and sessions that ended before it and
	// have no refresh tokens left. It returns the most that it deleted of a kind.
	PruneDevices(ctx context.Context, before time.Time, limit int) (int, error)
	// EraseAnswers forgets the answers of at most limit refresh tokens that were
	// used before a time, and returns of how many.
	EraseAnswers(ctx context.Context, before time.Time, limit int) (int, error)
}

// Opening is a session that is to be opened.
type Opening struct {
	Device Device
	Token  RefreshToken
	// PasswordHash is that of the account when its password was checked.
	PasswordHash string
	// Most is how many sessions the account may have open.
	Most int
}

// Rotation is one use of a refresh token.
type Rotation struct {
	// Used is the token as it was found.
	Used RefreshToken
	// Next takes its place, in the same family and at Next.CreatedAt.
	Next RefreshToken
	// Answer is kept with the used token until Next is used too, or the answer is
	// erased; none if it is empty.
	Answer []byte
	// Grace is for how long after its use a token is told the same answer again.
	Grace time.Duration
	// Client is who uses it.
	Client Client
}

// Turn is what a use of a refresh token comes to.
type Turn int

// The turns.
const (
	// TurnTaken is the first use: the token is used up and Next is good.
	TurnTaken Turn = iota
	// TurnRepeated is a further use within the grace, while the token that
	// came of the first one is unused: it comes with the answer that is kept.
	TurnRepeated
	// TurnStolen is any other further use. The session has ended by it.
	TurnStolen
)

// PasswordChange replaces the hash of a password.
type PasswordChange struct {
	UserID   string
	Old, New string
	At       time.Time
	// EndOthers ends every session of the account but Keep. It is not set where
	// the same password is hashed anew.
	EndOthers bool
	Keep      string
}
