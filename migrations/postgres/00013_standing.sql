-- +goose Up
-- Since when the account is shut out, by an administrator, or by its owner, who
-- wants it gone: what it holds is being deleted then.
ALTER TABLE users ADD COLUMN suspended_at TIMESTAMPTZ;
ALTER TABLE users ADD COLUMN deleting_at TIMESTAMPTZ;

-- +goose Down
ALTER TABLE users DROP COLUMN suspended_at;
ALTER TABLE users DROP COLUMN deleting_at;
