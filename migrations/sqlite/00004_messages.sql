-- +goose Up
CREATE TABLE messages (
    id                TEXT PRIMARY KEY,
    conversation_id   TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    seq               BIGINT NOT NULL CHECK (seq > 0),
    role              TEXT NOT NULL CHECK (role IN ('system', 'user', 'assistant')),
    content           TEXT NOT NULL,
    reasoning         TEXT NOT NULL,
    status            TEXT NOT NULL CHECK (status IN ('streaming', 'complete', 'stopped', 'failed', 'interrupted')),
    model_id          TEXT NOT NULL,
    finish_reason     TEXT NOT NULL,
    prompt_tokens     INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    reasoning_tokens  INTEGER NOT NULL,
    tokens_used       INTEGER NOT NULL,
    -- US dollars, exact; NULL while nobody has told it.
    cost              TEXT,
    generation_id     TEXT NOT NULL,
    error             TEXT,
    metadata          TEXT,
    question_id       TEXT NOT NULL,
    replaces          TEXT NOT NULL,
    superseded_by     TEXT NOT NULL,
    attempt           INTEGER NOT NULL,
    last_event_seq    INTEGER NOT NULL,
    marks             BLOB,
    owner             TEXT NOT NULL,
    idempotency_key   TEXT NOT NULL,
    request_hash      TEXT NOT NULL,
    created_at        DATETIME NOT NULL,
    updated_at        DATETIME NOT NULL
);

-- The order of a conversation, and what a page of it seeks on.
CREATE UNIQUE INDEX messages_position ON messages (conversation_id, seq);

-- At most one answer is being made in a conversation. The sweep for abandoned
-- answers reads this index too: it holds nothing else, and since no index holds
-- updated_at, a sign of life rewrites none.
CREATE UNIQUE INDEX messages_streaming ON messages (conversation_id) WHERE status = 'streaming';

-- One request makes one answer, however often it is sent.
CREATE UNIQUE INDEX messages_idempotency ON messages (conversation_id, idempotency_key) WHERE idempotency_key <> '';

-- +goose Down
DROP TABLE messages;
