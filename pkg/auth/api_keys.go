package auth

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"dreamchat/pkg/problem"
)

const (
	// MaxAPIKeys is how many keys a user may have that have not expired.
	MaxAPIKeys = 50

	apiKeyLifetime = 90 * 24 * time.Hour
)

// APIKeys gives out personal API keys and checks them. It is safe for
// concurrent use. Any call is problem.Unavailable while the database is away.
type APIKeys struct {
	store    APIKeyStore
	standing *Standing
	uses     uses
}

// NewAPIKeys returns API keys in a store. Run notes when they are used; what it
// cannot note goes to the log.
func NewAPIKeys(store APIKeyStore, standing *Standing, log *slog.Logger) *APIKeys {
	return &APIKeys{store: store, standing: standing, uses: newUses(store, log)}
}

// Create makes a key of a user. The text is the key: it is not stored, and so
// never shown again. No scopes at all means every scope, a lifetime of zero 90
// days. One key more than MaxAPIKeys is problem.Conflict; a user without an
// account is problem.NotFound.
func (k *APIKeys) Create(
	ctx context.Context, userID, name string, scopes []Scope, lifetime time.Duration,
) (text string, key APIKey, err error) {
	if lifetime == 0 {
		lifetime = apiKeyLifetime
	}
	text, key = newAPIKey(userID, name, allOf(scopes), lifetime)
	if err := k.store.CreateAPIKey(ctx, key, MaxAPIKeys); err != nil {
		return "", APIKey{}, err
	}
	return text, key, nil
}

// List returns the keys of a user, the newest first, at most MaxAPIKeys. One
// that has expired is among them until it is deleted or its place is needed.
func (k *APIKeys) List(ctx context.Context, userID string) ([]APIKey, error) {
	return k.store.APIKeys(ctx, userID)
}

// Delete revokes a key of a user: from then on Verify refuses it on every
// instance, and its streams end. An id that is not one of the user's is
// problem.NotFound.
func (k *APIKeys) Delete(ctx context.Context, userID, id string) error {
	err := k.store.DeleteAPIKey(ctx, userID, id)
	k.standing.Changed(ctx, userID)
	return err
}

// Verify tells whom a key speaks for, who is never an administrator. A key that
// has expired is problem.TokenExpired; any other that is not good is
// problem.Unauthenticated. Nothing is remembered between calls.
func (k *APIKeys) Verify(ctx context.Context, text string) (Caller, error) {
	if !isWellFormed(text) {
		return Caller{}, wrongAPIKey(nil)
	}
	// The time that the search takes tells about hashes at most, and nobody can
	// choose a key by its hash.
	key, err := k.store.APIKeyByHash(ctx, apiKeyHash(text))
	if errors.Is(err, problem.NotFound) {
		return Caller{}, wrongAPIKey(err)
	}
	if err != nil {
		return Caller{}, err
	}
	at := now()
	if !at.Before(key.ExpiresAt) {
		return Caller{}, problem.TokenExpired.New("The API key has expired.")
	}
	if key.LastUsedAt == nil || at.Sub(*key.LastUsedAt) >= usesApart {
		k.uses.note(key.ID)
	}
	return Caller{UserID: key.UserID, Role: RoleUser, ExpiresAt: key.ExpiresAt, Key: &key}, nil
}

// Run notes when keys are used, until ctx is done.
func (k *APIKeys) Run(ctx context.Context) error {
	k.uses.run(ctx)
	return nil
}

// allOf are the scopes with all that they include.
func allOf(scopes []Scope) []Scope {
	if len(scopes) == 0 || slices.Contains(scopes, ScopeChat) {
		return []Scope{ScopeChat, ScopeRead}
	}
	return []Scope{ScopeRead}
}

func wrongAPIKey(cause error) error {
	return problem.Unauthenticated.Because(cause, "The API key is not valid.")
}
