package store

import (
	"context"

	"dreamchat/pkg/auth"
)

// State tells how an account stands, and the session and the key that are named.
func (s *Store) State(ctx context.Context, userID, sessionID, keyID string) (auth.State, error) {
	columns, values := "role, suspended_at IS NOT NULL AS suspended, deleting_at IS NOT NULL AS deleting", []any{}
	switch {
	case sessionID != "":
		columns += `, NOT EXISTS (SELECT 1 FROM sessions
			WHERE id = ? AND user_id = users.id AND revoked_at IS NULL) AS ended`
		values = append(values, sessionID)
	case keyID != "":
		columns += ", NOT EXISTS (SELECT 1 FROM api_keys WHERE id = ? AND user_id = users.id) AS ended"
		values = append(values, keyID)
	}
	var state auth.State
	err := s.read.WithContext(ctx).Table("users").Select(columns, values...).Where("id = ?", userID).Take(&state).Error
	return state, failure(ctx, err, "user")
}
