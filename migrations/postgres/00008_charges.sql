-- +goose Up
-- Whether the tokens or the cost are our estimate.
ALTER TABLE messages ADD COLUMN estimated BOOLEAN NOT NULL DEFAULT FALSE;

-- What each request to a provider cost. Conversation and message may be gone by
-- now: what was spent stays spent. So only the account is a reference.
CREATE TABLE charges (
    -- Of the request for an answer: the message's id.
    id                TEXT COLLATE "C" PRIMARY KEY,
    user_id           TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind              TEXT NOT NULL CHECK (kind IN ('answer', 'completion', 'title')),
    conversation_id   TEXT COLLATE "C" NOT NULL,
    message_id        TEXT COLLATE "C" NOT NULL,
    provider          TEXT NOT NULL,
    model_id          TEXT NOT NULL,
    generation_id     TEXT NOT NULL,
    prompt_tokens     INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    reasoning_tokens  INTEGER NOT NULL,
    tokens_used       INTEGER NOT NULL,
    -- US dollars, exact; NULL while nobody knows.
    cost              NUMERIC,
    estimated         BOOLEAN NOT NULL,
    -- What the request may cost at most, while it is open; NULL for no reservation.
    reserved          NUMERIC,
    state             TEXT NOT NULL CHECK (state IN ('open', 'closed')),
    -- When the provider is asked what it cost, by the database's clock; NULL for never.
    settle_at         TIMESTAMPTZ,
    settle_tries      INTEGER NOT NULL,
    -- The time at which the charge counts.
    created_at        TIMESTAMPTZ NOT NULL,
    updated_at        TIMESTAMPTZ NOT NULL
);

CREATE INDEX charges_account ON charges (user_id, created_at);
CREATE INDEX charges_due ON charges (settle_at) WHERE settle_at IS NOT NULL;

-- Answers that are being made are charged when they end.
INSERT INTO charges (id, user_id, kind, conversation_id, message_id, provider, model_id, generation_id,
    prompt_tokens, completion_tokens, reasoning_tokens, tokens_used, cost, estimated, reserved, state,
    settle_at, settle_tries, created_at, updated_at)
SELECT messages.id, conversations.user_id, 'answer', conversations.id, messages.id,
    COALESCE(ai_models.provider, ''), messages.model_id, messages.generation_id,
    messages.prompt_tokens, messages.completion_tokens, messages.reasoning_tokens, messages.tokens_used,
    messages.cost, FALSE, NULL, 'closed', NULL, 0, messages.created_at, messages.updated_at
FROM messages
JOIN conversations ON conversations.id = messages.conversation_id
LEFT JOIN ai_models ON ai_models.id = messages.model_id
WHERE messages.role = 'assistant' AND messages.status <> 'streaming'
    AND (messages.metadata ->> 'copiedFrom') IS NULL;

-- +goose Down
DROP TABLE charges;
ALTER TABLE messages DROP COLUMN estimated;
