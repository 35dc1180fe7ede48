-- +goose Up
-- The number of the newest change in the feed of an account.
ALTER TABLE users ADD COLUMN feed_seq BIGINT NOT NULL DEFAULT 0;

-- What happened to an account's conversations, each change written in the
-- transaction that makes it. What it is about may be gone by now, so only the
-- account is a reference.
CREATE TABLE changes (
    user_id         TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    seq             BIGINT NOT NULL CHECK (seq > 0),
    type            TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    message_id      TEXT NOT NULL,
    data            TEXT NOT NULL,
    created_at      DATETIME NOT NULL,
    PRIMARY KEY (user_id, seq)
);

-- What pruning seeks on.
CREATE INDEX changes_age ON changes (created_at);

-- +goose Down
DROP TABLE changes;
ALTER TABLE users DROP COLUMN feed_seq;
