-- +goose Up
-- The order in which administrators list accounts.
CREATE INDEX users_newest ON users (created_at DESC, id DESC);
-- Those that are still to be deleted.
CREATE INDEX users_deleting ON users (deleting_at) WHERE deleting_at IS NOT NULL;

-- +goose Down
DROP INDEX users_deleting;
DROP INDEX users_newest;
