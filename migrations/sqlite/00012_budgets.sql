-- +goose Up
-- What the account may spend in a day and in a month, in US dollars, exact: NULL
-- is what the settings say, an empty text is no limit.
ALTER TABLE users ADD COLUMN budget_daily TEXT;
ALTER TABLE users ADD COLUMN budget_monthly TEXT;

-- +goose Down
ALTER TABLE users DROP COLUMN budget_daily;
ALTER TABLE users DROP COLUMN budget_monthly;
