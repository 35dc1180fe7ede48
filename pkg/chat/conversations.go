package chat

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"dreamchat/pkg/id"
)

// ListCache keeps pages of each user's conversation list. Get returns what
// load gave under the owner's current version; Advance makes a new version, so
// that nothing loaded before it is returned after it, on any instance.
type ListCache interface {
	Get(ctx context.Context, owner, field string, load func(context.Context) ([]byte, error)) ([]byte, error)
	Advance(ctx context.Context, owner string)
	// Forget leaves nothing of an owner that is gone.
	Forget(ctx context.Context, owner string) error
}

// Conversations are the threads of each user. Its methods are safe for
// concurrent use; a conversation of somebody else is problem.NotFound.
type Conversations struct {
	Store       ConversationStore
	Models      *Models
	Lists       ListCache
	Notify      Notifier
	Generations *Generations
}

// Create makes an empty conversation. An empty model is the default one; one
// that cannot answer is problem.UnknownModel or problem.InactiveModel. A user
// without an account is problem.NotFound.
func (c *Conversations) Create(ctx context.Context, userID, title, modelID string) (Conversation, error) {
	return c.create(ctx, userID, "", title, modelID)
}

func (c *Conversations) create(ctx context.Context, userID, clientID, title, modelID string) (Conversation, error) {
	model, _, err := c.Models.Resolve(ctx, modelID)
	if err != nil {
		return Conversation{}, err
	}
	at := now()
	made := Conversation{
		ID:        id.New(),
		UserID:    userID,
		ClientID:  clientID,
		Title:     title,
		ModelID:   model.ID,
		CreatedAt: at,
		UpdatedAt: at,
	}
	if err := c.Store.CreateConversation(ctx, made); err != nil {
		return Conversation{}, err
	}
	c.Notify.Changed(ctx, userID)
	return made, nil
}

// Find returns one conversation.
func (c *Conversations) Find(ctx context.Context, userID, id string) (Conversation, error) {
	return c.Store.Conversation(ctx, userID, id)
}

// List returns the JSON of a ConversationPage: as it is cached, so that a hit
// is neither decoded nor encoded. A search is not cached.
func (c *Conversations) List(ctx context.Context, userID string, query ConversationQuery) (json.RawMessage, error) {
	load := func(ctx context.Context) ([]byte, error) {
		found, total, err := c.Store.Conversations(ctx, userID, query)
		if err != nil {
			return nil, err
		}
		return json.Marshal(ConversationPage{Data: nonNil(found), Total: total, Limit: query.Limit, Offset: query.Offset})
	}
	if query.Search != "" {
		return load(ctx)
	}
	archived := "all"
	if query.Archived != nil {
		archived = fmt.Sprint(*query.Archived)
	}
	return c.Lists.Get(ctx, userID, fmt.Sprintf("%d:%d:%s", query.Limit, query.Offset, archived), load)
}

// Update changes what the patch names and returns the conversation. A new
// model must be able to answer.
func (c *Conversations) Update(ctx context.Context, userID, id string, patch ConversationPatch) (Conversation, error) {
	if patch.ModelID != nil {
		if _, _, err := c.Models.Resolve(ctx, *patch.ModelID); err != nil {
			return Conversation{}, err
		}
	}
	changed, err := c.Store.UpdateConversation(ctx, userID, id, patch, now())
	if err != nil {
		return Conversation{}, err
	}
	c.Notify.Changed(ctx, userID)
	return changed, nil
}

// Delete removes a conversation with everything in it. An answer that is being
// made ends, and its readers are told that it is gone.
func (c *Conversations) Delete(ctx context.Context, userID, id string) error {
	if err := c.Store.DeleteConversation(ctx, userID, id, now()); err != nil {
		return err
	}
	c.Generations.drop(id)
	c.Notify.Changed(ctx, userID)
	return nil
}

// now is the time as it is stored: UTC, in microseconds.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// nonNil makes an empty list render as [] and not as null.
func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
