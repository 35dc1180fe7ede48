-- +goose Up
-- An account that another issuer of tokens knows. Its email and username_lower,
-- which are unique, hold "EXTERNAL", the issuer and the subject, which no login in
-- lower case ever equals; told_email is the address that the issuer told, if any.
ALTER TABLE users ADD COLUMN issuer TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN subject TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN told_email TEXT NOT NULL DEFAULT '';
-- When the issuer made the token that address, name and role are of.
ALTER TABLE users ADD COLUMN told_at DATETIME;

-- Those that were there before this was taken back.
UPDATE users SET
    issuer = substr(substr(email, 10), 1, instr(substr(email, 10), ' ') - 1),
    subject = substr(substr(email, 10), instr(substr(email, 10), ' ') + 1)
WHERE substr(email, 1, 9) = 'EXTERNAL ';

CREATE UNIQUE INDEX users_identity ON users (issuer, subject) WHERE issuer <> '';

-- +goose Down
DROP INDEX users_identity;
ALTER TABLE users DROP COLUMN told_at;
ALTER TABLE users DROP COLUMN told_email;
ALTER TABLE users DROP COLUMN subject;
ALTER TABLE users DROP COLUMN issuer;
