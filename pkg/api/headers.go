package api

// Headers that Echo has no name for.
const (
	headerRequestID         = "X-Request-Id"
	headerIdempotencyKey    = "Idempotency-Key"
	headerReplayed          = "Idempotency-Replayed"
	headerLastEventID       = "Last-Event-ID"
	headerPrefer            = "Prefer"
	headerPreferenceApplied = "Preference-Applied"
	headerIfNoneMatch       = "If-None-Match"
	headerETag              = "ETag"
	headerOpenerPolicy      = "Cross-Origin-Opener-Policy"
	headerResourcePolicy    = "Cross-Origin-Resource-Policy"
	headerUIMessageStream   = "X-Vercel-Ai-Ui-Message-Stream"
	headerConversationID    = "X-Conversation-Id"
	headerMessageID         = "X-Message-Id"
	headerShouldRetry       = "X-Should-Retry" // read by OpenAI's clients
)
