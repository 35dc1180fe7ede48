-- +goose Up
-- Whether the model was switched off because its provider does not list it any
-- more, and is to be switched on once it is listed again.
ALTER TABLE ai_models ADD COLUMN delisted BOOLEAN NOT NULL DEFAULT FALSE;
-- A price that is not known is null.
ALTER TABLE ai_models ADD COLUMN input TEXT;
ALTER TABLE ai_models ADD COLUMN output TEXT;
UPDATE ai_models SET input = pricing_input, output = pricing_output;
ALTER TABLE ai_models DROP COLUMN pricing_input;
ALTER TABLE ai_models DROP COLUMN pricing_output;
ALTER TABLE ai_models RENAME COLUMN input TO pricing_input;
ALTER TABLE ai_models RENAME COLUMN output TO pricing_output;

-- Work that one instance does at a time: nobody else begins it before it is due.
CREATE TABLE leases (
    name   TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    due_at DATETIME NOT NULL
);

-- +goose Down
DROP TABLE leases;
UPDATE ai_models SET pricing_input = '0' WHERE pricing_input IS NULL;
UPDATE ai_models SET pricing_output = '0' WHERE pricing_output IS NULL;
ALTER TABLE ai_models ADD COLUMN input TEXT NOT NULL DEFAULT '0';
ALTER TABLE ai_models ADD COLUMN output TEXT NOT NULL DEFAULT '0';
UPDATE ai_models SET input = pricing_input, output = pricing_output;
ALTER TABLE ai_models DROP COLUMN pricing_input;
ALTER TABLE ai_models DROP COLUMN pricing_output;
ALTER TABLE ai_models RENAME COLUMN input TO pricing_input;
ALTER TABLE ai_models RENAME COLUMN output TO pricing_output;
ALTER TABLE ai_models DROP COLUMN delisted;
