-- +goose Up
CREATE TABLE signing_keys (
    -- The thumbprint of its public key: the "kid" of its tokens.
    id         TEXT PRIMARY KEY,
    -- The private key, sealed by the root key; nothing for the root key itself.
    sealed     BLOB,
    created_at DATETIME NOT NULL,
    -- When it begins to sign, and when its tokens stop being good.
    signs_at   DATETIME NOT NULL,
    retires_at DATETIME
);

CREATE UNIQUE INDEX signing_keys_current ON signing_keys ((retires_at IS NULL)) WHERE retires_at IS NULL;

-- +goose Down
DROP TABLE signing_keys;
