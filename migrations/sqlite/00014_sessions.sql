-- +goose Up
-- One login on one device. Its id is the family of its refresh tokens.
CREATE TABLE sessions (
    id           TEXT PRIMARY KEY,
    user_id      TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    -- What the client said of itself, and where from, when it last used the session.
    user_agent   TEXT NOT NULL,
    address      TEXT NOT NULL,
    created_at   DATETIME NOT NULL,
    last_used_at DATETIME NOT NULL,
    expires_at   DATETIME NOT NULL,
    revoked_at   DATETIME
);

CREATE INDEX sessions_user ON sessions (user_id, last_used_at);
CREATE INDEX sessions_expiry ON sessions (expires_at);
CREATE INDEX sessions_revoked ON sessions (revoked_at) WHERE revoked_at IS NOT NULL;

INSERT INTO sessions (id, user_id, user_agent, address, created_at, last_used_at, expires_at, revoked_at)
SELECT family_id, min(user_id), '', '', min(created_at), max(created_at), max(expires_at), max(revoked_at)
FROM refresh_tokens
GROUP BY family_id;

-- What the use of the token was answered with, sealed under a key that only those
-- who hold the token can make, for as long as it may be told again.
ALTER TABLE refresh_tokens ADD COLUMN answer BLOB;

CREATE INDEX refresh_tokens_expiry ON refresh_tokens (expires_at);
CREATE INDEX refresh_tokens_revoked ON refresh_tokens (revoked_at) WHERE revoked_at IS NOT NULL;
CREATE INDEX refresh_tokens_answered ON refresh_tokens (used_at) WHERE answer IS NOT NULL;

-- +goose Down
DROP INDEX refresh_tokens_answered;
DROP INDEX refresh_tokens_revoked;
DROP INDEX refresh_tokens_expiry;
ALTER TABLE refresh_tokens DROP COLUMN answer;
DROP TABLE sessions;
