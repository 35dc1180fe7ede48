-- +goose Up
-- Whether the instance that makes the answer is asked to stop it.
ALTER TABLE messages ADD COLUMN stop_requested BOOLEAN NOT NULL DEFAULT FALSE;

-- +goose Down
ALTER TABLE messages DROP COLUMN stop_requested;
