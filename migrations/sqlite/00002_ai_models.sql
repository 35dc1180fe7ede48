-- +goose Up
CREATE TABLE ai_models (
    -- The provider's own name for the model.
    id             TEXT PRIMARY KEY,
    name           TEXT NOT NULL,
    provider       TEXT NOT NULL,
    description    TEXT NOT NULL DEFAULT '',
    -- US dollars per token, exact.
    pricing_input  TEXT NOT NULL,
    pricing_output TEXT NOT NULL,
    -- Tokens; 0 means unknown.
    context_length INTEGER NOT NULL DEFAULT 0,
    is_active      BOOLEAN NOT NULL DEFAULT TRUE,
    created_at     DATETIME NOT NULL,
    updated_at     DATETIME NOT NULL
);

INSERT INTO ai_models
    (id, name, provider, description, pricing_input, pricing_output, context_length, is_active, created_at, updated_at)
VALUES
    ('dreamchat/demo', 'Dreamchat Demo', 'demo',
     'A built-in demonstration that needs no network and no key. It is no real language model.',
     '0', '0', 8192, TRUE, '2025-01-01 00:00:00+00:00', '2025-01-01 00:00:00+00:00'),
    ('meta-llama/llama-3.1-8b-instruct', 'Llama 3.1 8B Instruct', 'openrouter',
     'Small, fast and cheap.',
     '0.00000002', '0.00000003', 131072, TRUE, '2025-01-01 00:00:00+00:00', '2025-01-01 00:00:00+00:00'),
    ('meta-llama/llama-3.1-70b-instruct', 'Llama 3.1 70B Instruct', 'openrouter',
     'An open model for everyday work.',
     '0.0000004', '0.0000004', 131072, TRUE, '2025-01-01 00:00:00+00:00', '2025-01-01 00:00:00+00:00'),
    ('deepseek/deepseek-chat', 'DeepSeek V3', 'openrouter',
     'A large open model, strong in code and mathematics.',
     '0.0000003', '0.0000012', 163840, TRUE, '2025-01-01 00:00:00+00:00', '2025-01-01 00:00:00+00:00'),
    ('mistralai/mistral-small-24b-instruct-2501', 'Mistral Small 3', 'openrouter',
     'A compact model with low latency.',
     '0.00000005', '0.00000008', 32768, TRUE, '2025-01-01 00:00:00+00:00', '2025-01-01 00:00:00+00:00'),
    ('anthropic/claude-3.5-sonnet', 'Claude 3.5 Sonnet', 'openrouter',
     'Careful writing, code and reasoning.',
     '0.000003', '0.000015', 200000, TRUE, '2025-01-01 00:00:00+00:00', '2025-01-01 00:00:00+00:00'),
    ('openai/gpt-4o-mini', 'GPT-4o mini', 'openrouter',
     'An affordable all-rounder.',
     '0.00000015', '0.0000006', 128000, TRUE, '2025-01-01 00:00:00+00:00', '2025-01-01 00:00:00+00:00');

-- +goose Down
DROP TABLE ai_models;
