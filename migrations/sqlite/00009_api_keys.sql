-- +goose Up
CREATE TABLE api_keys (
    id           TEXT PRIMARY KEY,
    user_id      TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name         TEXT NOT NULL,
    -- How the key begins, to tell it from others; the key itself is not kept.
    prefix       TEXT NOT NULL,
    hash         TEXT NOT NULL UNIQUE,
    scopes       TEXT NOT NULL CHECK (scopes IN ('read', 'chat read')),
    expires_at   DATETIME NOT NULL,
    last_used_at DATETIME,
    created_at   DATETIME NOT NULL
);

CREATE INDEX api_keys_user ON api_keys (user_id);

-- +goose Down
DROP TABLE api_keys;
