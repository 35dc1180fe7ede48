-- +goose Up
-- What is unique of an account is its key: of one of our own the address and the
-- name, in lower case. An account that another issuer of tokens knows has "EXTERNAL",
-- the issuer and its subject for both, which no login in lower case ever equals,
-- and shows whatever address and name it was told.
ALTER TABLE users RENAME COLUMN email TO email_key;
ALTER TABLE users RENAME COLUMN username_lower TO username_key;
ALTER TABLE users ADD COLUMN email TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN issuer TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN subject TEXT COLLATE "C" NOT NULL DEFAULT '';
-- When the issuer made the token that address, name and role are of.
ALTER TABLE users ADD COLUMN told_at TIMESTAMPTZ;

UPDATE users SET email = email_key WHERE substr(email_key, 1, 9) <> 'EXTERNAL ';
-- Those that were there before this was taken back.
UPDATE users SET
    issuer = substr(email_key, 10, position(' ' IN substr(email_key, 10)) - 1),
    subject = substr(email_key, 10 + position(' ' IN substr(email_key, 10)))
WHERE substr(email_key, 1, 9) = 'EXTERNAL ';

CREATE UNIQUE INDEX users_identity ON users (issuer, subject) WHERE issuer <> '';

-- +goose Down
DROP INDEX users_identity;
ALTER TABLE users DROP COLUMN told_at;
ALTER TABLE users DROP COLUMN subject;
ALTER TABLE users DROP COLUMN issuer;
ALTER TABLE users DROP COLUMN email;
ALTER TABLE users RENAME COLUMN username_key TO username_lower;
ALTER TABLE users RENAME COLUMN email_key TO email;
