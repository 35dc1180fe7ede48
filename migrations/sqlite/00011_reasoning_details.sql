-- +goose Up
-- What the provider wants back, unchanged, with the answer's turn: JSON, as text,
-- since a JSON type would order its members anew.
ALTER TABLE messages ADD COLUMN reasoning_details TEXT;

-- +goose Down
ALTER TABLE messages DROP COLUMN reasoning_details;
