-- +goose Up
CREATE TABLE conversations (
    id            TEXT PRIMARY KEY,
    user_id       TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    title         TEXT NOT NULL,
    -- What a search looks in: lower case by Unicode's rules.
    title_lower   TEXT NOT NULL,
    model_id      TEXT NOT NULL,
    is_pinned     BOOLEAN NOT NULL,
    is_archived   BOOLEAN NOT NULL,
    message_count INTEGER NOT NULL,
    total_tokens  BIGINT NOT NULL,
    last_seq      BIGINT NOT NULL,
    created_at    DATETIME NOT NULL,
    updated_at    DATETIME NOT NULL
);

-- The order of the list.
CREATE INDEX conversations_list ON conversations (user_id, is_pinned DESC, updated_at DESC, id DESC);

-- +goose Down
DROP TABLE conversations;
