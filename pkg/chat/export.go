package chat

import "context"

// ExportStore reads all that is stored of an account, page by page. Pages go on
// behind an id and are ordered by it; an empty one is the end.
type ExportStore interface {
	ConversationsAfter(ctx context.Context, userID, after string, limit int) ([]Conversation, error)
	// Messages is that of MessageStore.
	Messages(ctx context.Context, userID, conversationID string, query MessageQuery) ([]Message, error)
	ChargesAfter(ctx context.Context, userID, after string, limit int) ([]Charge, error)
}
