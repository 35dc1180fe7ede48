package auth

import (
	"context"
	"encoding/binary"
	"time"

	"dreamchat/pkg/cursor"
	"dreamchat/pkg/problem"
)

// Account is a user as administrators see it.
type Account struct {
	User
	// SuspendedAt is nil for an account that is not suspended.
	SuspendedAt *time.Time
}

// AccountStore is what administrators do with accounts. One that is being deleted
// is problem.NotFound, as is one that does not exist.
type AccountStore interface {
	Account(ctx context.Context, id string) (Account, error)
	// AccountsAfter lists accounts, the newest first.
	AccountsAfter(ctx context.Context, query AccountQuery) ([]Account, error)
	// ChangeAccount makes a change that an administrator asks for, who must be one
	// until it is made: else it is problem.Forbidden. So, of administrators who shut
	// each other out at once, one is left. It returns the account as it is then.
	ChangeAccount(ctx context.Context, change AccountChange) (Account, error)
}

// AccountQuery asks for accounts.
type AccountQuery struct {
	Limit int
	// Search is a part of the email or the username, in any case; empty for all.
	Search string
	// Role is empty for all.
	Role Role
	// Suspended is nil for both.
	Suspended *bool
	// After is the place behind which the list goes on; nil for its beginning.
	After *AccountPlace
}

// AccountPlace is where an account stands in the list.
type AccountPlace struct {
	CreatedAt time.Time
	ID        string
}

// AccountChange is what an administrator changes of an account; nil leaves it.
type AccountChange struct {
	// By is the administrator's id.
	By        string
	ID        string
	Role      *Role
	Suspended *bool
	At        time.Time
}

// AccountPage is a page of the list of accounts.
type AccountPage struct {
	Data []Account
	// NextCursor is nil on the last page.
	NextCursor *string
}

// accountList is what the cursors of the list are sealed for.
const accountList = "accounts"

// Account returns an account as administrators see it, or problem.NotFound.
func (a *Accounts) Account(ctx context.Context, id string) (Account, error) {
	return a.Store.Account(ctx, id)
}

// List returns a page of the accounts, the newest first: those that follow the
// cursor, or the first ones if it is empty. Who registers meanwhile neither
// repeats nor hides anybody. A cursor that is not ours is problem.InvalidCursor.
func (a *Accounts) List(ctx context.Context, query AccountQuery, from string) (AccountPage, error) {
	if from != "" {
		after, err := openPlace(a.Cursors, from)
		if err != nil {
			return AccountPage{}, err
		}
		query.After = &after
	}
	limit := query.Limit
	query.Limit++ // to know whether there is more
	found, err := a.Store.AccountsAfter(ctx, query)
	if err != nil {
		return AccountPage{}, err
	}
	if len(found) <= limit {
		return AccountPage{Data: found}, nil
	}
	last := found[limit-1]
	next := sealPlace(a.Cursors, AccountPlace{CreatedAt: last.CreatedAt, ID: last.ID})
	return AccountPage{Data: found[:limit], NextCursor: &next}, nil
}

const placeTime = 8

func sealPlace(key cursor.Key, at AccountPlace) string {
	place := binary.BigEndian.AppendUint64(nil, uint64(at.CreatedAt.UnixMicro()))
	return key.Seal(accountList, append(place, at.ID...))
}

func openPlace(key cursor.Key, text string) (AccountPlace, error) {
	place, err := key.Open(accountList, text)
	if err != nil {
		return AccountPlace{}, err
	}
	if len(place) < placeTime {
		return AccountPlace{}, problem.InvalidCursor.New("The cursor is not one for accounts.")
	}
	created := int64(binary.BigEndian.Uint64(place)) //nolint:gosec // written by sealPlace
	return AccountPlace{CreatedAt: time.UnixMicro(created).UTC(), ID: string(place[placeTime:])}, nil
}

// Change does what an administrator asks for, at once: open streams of a suspended
// account end, and so do its answers that are being made. It returns the account
// as it is then. To take one's own role, or to suspend oneself, is
// problem.Conflict, so that nobody locks everybody out, and so is another role for
// an account of another issuer, who would say otherwise with the next token. Who is
// no administrator any more is problem.Forbidden.
func (a *Accounts) Change(ctx context.Context, change AccountChange) (Account, error) {
	demoted := change.Role != nil && *change.Role != RoleAdmin
	suspended := change.Suspended != nil && *change.Suspended
	if change.By == change.ID && (demoted || suspended) {
		return Account{}, problem.Conflict.New("Nobody can take the role of an administrator from oneself, or suspend oneself.")
	}
	change.At = now()
	changed, err := a.Store.ChangeAccount(ctx, change)
	a.Standing.Changed(ctx, change.ID)
	if err == nil && suspended {
		err = a.halt(ctx, change.ID)
	}
	if err != nil {
		return Account{}, err
	}
	a.Log.InfoContext(ctx, "account changed",
		"account", change.ID, "by", change.By, "role", changed.Role, "suspended", changed.SuspendedAt != nil)
	return changed, nil
}
