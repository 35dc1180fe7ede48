-- +goose Up
-- What a client calls the conversation that keeps it under an id of its own.
ALTER TABLE conversations ADD COLUMN client_id TEXT COLLATE "C" NOT NULL DEFAULT '';
CREATE UNIQUE INDEX conversations_client_id ON conversations (user_id, client_id) WHERE client_id <> '';

-- The same of a question. One that takes the place of another may keep its id.
ALTER TABLE messages ADD COLUMN client_id TEXT COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX messages_client_id ON messages (conversation_id, client_id) WHERE client_id <> '';

-- +goose Down
DROP INDEX messages_client_id;
ALTER TABLE messages DROP COLUMN client_id;
DROP INDEX conversations_client_id;
ALTER TABLE conversations DROP COLUMN client_id;
