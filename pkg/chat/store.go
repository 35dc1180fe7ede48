package chat

import (
	"context"
	"time"
)

// ConversationStore keeps conversations. Ownership is part of every query: a
// conversation of somebody else is problem.NotFound, as if it did not exist.
// A database that is away is problem.Unavailable.
type ConversationStore interface {
	// CreateConversation stores a new one. An owner without an account is
	// problem.NotFound, a ClientID that names another of the owner's
	// problem.AlreadyExists.
	CreateConversation(ctx context.Context, conversation Conversation) error
	Conversation(ctx context.Context, userID, id string) (Conversation, error)
	// ConversationOf returns the conversation with this id, or else the one with
	// this ClientID.
	ConversationOf(ctx context.Context, userID, name string) (Conversation, error)
	// Conversations returns a page and the number of all that match.
	Conversations(ctx context.Context, userID string, query ConversationQuery) ([]Conversation, int64, error)
	// UpdateConversation applies the patch, moves UpdatedAt to now and returns
	// the conversation as it is then.
	UpdateConversation(ctx context.Context, userID, id string, patch ConversationPatch, now time.Time) (Conversation, error)
	// TitleConversation names a conversation that has no title; one that has is
	// problem.Conflict. It moves nothing else, not even UpdatedAt: a title is no
	// activity.
	TitleConversation(ctx context.Context, userID, id, title string, now time.Time) (Conversation, error)
	// DeleteConversation deletes it with everything in it.
	DeleteConversation(ctx context.Context, userID, id string, now time.Time) error
	// ForkConversation copies a conversation in one transaction; see Fork for
	// what is copied and what may stand in the way.
	ForkConversation(ctx context.Context, fork Fork) (Conversation, error)
}

// MessageStore reads messages, with the ownership rule of ConversationStore.
type MessageStore interface {
	// Message returns one message, superseded or not.
	Message(ctx context.Context, userID, id string) (Message, error)
	// Messages returns the messages of a conversation that the query asks for.
	Messages(ctx context.Context, userID, conversationID string, query MessageQuery) ([]Message, error)
	// Asked returns the question that a name stands for: its ClientID, its id, or
	// the id of an answer to it. If that question does not stand, it is
	// problem.Conflict with detail "supersededBy".
	Asked(ctx context.Context, userID, conversationID, name string) (Asked, error)
}

// ModelStore keeps the catalogue.
type ModelStore interface {
	// Models returns the whole catalogue, ordered by id.
	Models(ctx context.Context) ([]Model, error)
	// ChangeModels shows the whole catalogue to change and saves the models that
	// it returns, new ones and others, in one transaction that no other change
	// of the catalogue overlaps. Errors of change come back as they are.
	ChangeModels(ctx context.Context, change func(stored []Model) ([]Model, error)) error
}

// LeaseStore keeps apart work that several instances could do.
type LeaseStore interface {
	// TakeLease tells whether the work of this name is due, by the database's
	// clock, and if so is the holder's: nobody else takes it for so long.
	TakeLease(ctx context.Context, name, holder string, span time.Duration) (bool, error)
	// ExtendLease makes the work due after so long from now, if the holder still
	// has it.
	ExtendLease(ctx context.Context, name, holder string, span time.Duration) error
}

// GenerationStore keeps answers while they are made.
type GenerationStore interface {
	// BeginAnswer gives question and answer their positions and commits both,
	// with the conversation's counters, in one transaction; see Beginning.
	//
	// If the conversation holds an answer with the same IdempotencyKey already,
	// nothing is written: with the same RequestHash that answer and its question
	// are returned with Begun.Replayed set, with another one it is
	// problem.KeyReused. Else an answer that is still streaming is
	// problem.GenerationRunning with detail "messageId", and a LastSeq older
	// than the conversation's is problem.StaleConversation with details
	// "lastSeq" and "missed" (the []Message after it, oldest first, at most
	// MissedLimit). Replaces of an answer that is not the newest one that
	// stands is problem.Conflict. Replaces of a question is problem.NotFound if
	// it names no message of the conversation, and problem.Conflict if that is
	// no question or is superseded; else that question and all that stands
	// behind it is superseded by the new one. Last, a Reservation that does not fit
	// is problem.BudgetExceeded. All of it holds under a race, by constraints and by
	// locks on conversation and account.
	BeginAnswer(ctx context.Context, beginning Beginning) (Begun, error)
	// Repeated returns the answer to a request that came before, as BeginAnswer
	// does: problem.KeyReused for another hash, problem.NotFound for a new key.
	Repeated(ctx context.Context, userID, conversationID, key, hash string) (Begun, error)
	// History returns the newest messages of a conversation before a position,
	// oldest first: those that stand, have a text and are not streaming.
	History(ctx context.Context, query HistoryQuery) (History, error)
	// Checkpoint saves what running answers hold so far (Content, Reasoning,
	// Marks, LastEventSeq, GenerationID, ModelID, Metadata, PromptTokens,
	// Estimated) and that they are alive now, in few
	// statements however many answers. It touches only those still streaming in
	// their Attempt and returns the ids of the others: deleted, or closed by
	// somebody else.
	Checkpoint(ctx context.Context, answers []Message, now time.Time) (lost []string, err error)
	// FinishAnswer saves the final state of an answer, if the stored one is
	// still streaming in the given attempt; else it writes nothing and is
	// problem.Conflict (also if the answer was deleted). In the same transaction
	// it adds the tokens to the conversation and moves its UpdatedAt, and, if
	// the answer Replaces another: a complete one, or a stopped one with a text,
	// supersedes that one; any other is superseded by it. MessageCount counts
	// what stands. The charge is saved with it, as ChargeStore.SaveCharge does, to
	// the owner of the conversation.
	FinishAnswer(ctx context.Context, attempt int, answer Message, charge Charge) (Conversation, error)
	// CloseAnswer is FinishAnswer for an answer that somebody else has begun: it
	// writes only if nothing was written to it since it was stored like this.
	CloseAnswer(ctx context.Context, stored, answer Message, charge Charge) error
	// RunningAnswers returns the answers that are streaming, ordered by id, those
	// after an id, at most limit. Those of accounts that are being deleted are not
	// among them: they are deleted as they are.
	RunningAnswers(ctx context.Context, after string, limit int) ([]Running, error)
	// RequestStop marks a running answer of the user to be stopped by whoever
	// makes it. It tells whether the answer was running.
	RequestStop(ctx context.Context, userID, messageID string) (bool, error)
	// RequestStops marks all running answers of the user like that, and returns the
	// instances that make them.
	RequestStops(ctx context.Context, userID string) (owners []string, err error)
	// StopRequests returns the running answers of this owner that are to be
	// stopped, at most limit.
	StopRequests(ctx context.Context, owner string, limit int) ([]StopRequest, error)
}

// StopRequest is a running answer that is to be stopped, and whether that is
// since its account was suspended, or is being deleted.
type StopRequest struct {
	MessageID           string
	Suspended, Deleting bool
}

// HistoryQuery asks for what a model is to be shown.
type HistoryQuery struct {
	ConversationID string
	// Before is the position that all of it lies before.
	Before int64
	// Without is the id of a message that is left out; empty for none.
	Without string
	// Messages bounds the messages, and Bytes their texts: no message follows, on
	// the way back from the newest, those whose texts take so many bytes.
	Messages, Bytes int
	// ModelID is the model whose ReasoningDetails are wanted too, those of the
	// newest messages, up to DetailBytes.
	ModelID     string
	DetailBytes int
}

// History is the newest part of a conversation.
type History struct {
	// Messages are oldest first. Of each only ID, Seq, Role, Content, ModelID and
	// ReasoningDetails are set.
	Messages []Message
	// Older counts those that stand before them.
	Older int
}

// MissedLimit bounds the messages that a stale sender is shown.
const MissedLimit = 100

// Beginning is a question to store, or none for a further answer to a stored
// one, and the answer to be made.
type Beginning struct {
	UserID         string
	ConversationID string
	// Question is nil when Answer.Replaces names the answer to make again. Its
	// Replaces is the question to take the place of, empty for none.
	Question *Message
	Answer   Message
	// LastSeq is the newest position that the sender knows; nil does not ask.
	LastSeq *int64
	// Reservation is made for the answer if its owner has a budget; else it is nil.
	Reservation *Reservation
}

// Begun is what BeginAnswer stored or found.
type Begun struct {
	Conversation Conversation
	Question     Message
	Answer       Message
	Replayed     bool
}

// Running is an answer that is streaming.
type Running struct {
	UserID    string
	MessageID string
	Owner     string
	// UpdatedAt is its last sign of life.
	UpdatedAt time.Time
}
