-- +goose Up
-- Whether the model was switched off because its provider does not list it any
-- more, and is to be switched on once it is listed again.
ALTER TABLE ai_models ADD COLUMN delisted BOOLEAN NOT NULL DEFAULT FALSE;
-- A price that is not known is null.
ALTER TABLE ai_models ALTER COLUMN pricing_input DROP NOT NULL;
ALTER TABLE ai_models ALTER COLUMN pricing_output DROP NOT NULL;

-- Work that one instance does at a time: nobody else begins it before it is due.
CREATE TABLE leases (
    name   TEXT COLLATE "C" PRIMARY KEY,
    holder TEXT NOT NULL,
    due_at TIMESTAMPTZ NOT NULL
);

-- +goose Down
DROP TABLE leases;
UPDATE ai_models SET pricing_input = '0' WHERE pricing_input IS NULL;
UPDATE ai_models SET pricing_output = '0' WHERE pricing_output IS NULL;
ALTER TABLE ai_models ALTER COLUMN pricing_input SET NOT NULL;
ALTER TABLE ai_models ALTER COLUMN pricing_output SET NOT NULL;
ALTER TABLE ai_models DROP COLUMN delisted;
