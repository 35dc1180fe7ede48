package chat

import (
	"context"
	"time"

	"dreamchat/pkg/id"
)

// ForkLimit bounds the messages that a fork copies.
const ForkLimit = 10_000

// CopiedFrom is the name in a copied message's metadata of the message's id that
// it is a copy of.
const CopiedFrom = "copiedFrom"

// Fork asks for a new conversation with copies of the messages that stand in
// another, up to and including one of them, at the positions from 1 on.
//
// The conversation has the title and the model of the other; it is neither
// pinned nor archived. A copy reads and streams as its original does, but
// nothing was paid for it: it has no tokens, no cost, no provider's name, and
// does not count as used. What is not in the user's conversation is
// problem.NotFound, an answer that is being made problem.GenerationRunning with
// detail "messageId", and what is superseded, or has more than ForkLimit
// messages up to it, problem.Conflict.
type Fork struct {
	UserID         string
	ConversationID string
	// MessageID is the last message to copy.
	MessageID string
	// ID is what the new conversation is to be called.
	ID string
	At time.Time
}

// Fork makes a new conversation from what stands in another up to a message.
// The kinds of its errors are those of Fork.
func (c *Conversations) Fork(ctx context.Context, userID, conversationID, messageID string) (Conversation, error) {
	made, err := c.Store.ForkConversation(ctx, Fork{
		UserID:         userID,
		ConversationID: conversationID,
		MessageID:      messageID,
		ID:             id.New(),
		At:             now(),
	})
	if err != nil {
		return Conversation{}, err
	}
	c.Notify.Changed(ctx, userID)
	return made, nil
}
