package chat

import (
	"context"
	"time"
)

// ChargeKind is what a request to a provider was for.
type ChargeKind string

// The kinds of charges.
const (
	ChargeAnswer     ChargeKind = "answer"
	ChargeCompletion ChargeKind = "completion" // an answer that nobody keeps
	ChargeTitle      ChargeKind = "title"
)

// ChargeState tells whether a request still goes on.
type ChargeState string

// The states. Only what is closed counts as spent.
const (
	ChargeOpen   ChargeState = "open"
	ChargeClosed ChargeState = "closed"
)

// Charge is what one request to a provider cost an account (table charges). It
// outlives the conversation that it was made for.
type Charge struct {
	// ID of the first request for an answer is the message's; others have their own.
	ID     string
	UserID string
	Kind   ChargeKind
	// ConversationID and MessageID are what it was for, empty for nothing that is
	// kept.
	ConversationID string
	MessageID      string
	// Provider is [Model].Provider; ModelID is the model that was asked.
	Provider     string
	ModelID      string
	GenerationID string

	PromptTokens     int
	CompletionTokens int
	// ReasoningTokens is the part of CompletionTokens spent on reasoning.
	ReasoningTokens int
	TokensUsed      int
	// Cost is an exact decimal in USD; nil while nobody knows.
	Cost *string
	// Estimated is set if the tokens or the cost are our estimate.
	Estimated bool
	// Reserved is an exact decimal in USD that the request may cost at most, while
	// it is open; nil for no reservation.
	Reserved *string
	State    ChargeState
	// SettleIn is after how long the provider is to be asked what it cost; 0 for
	// never.
	SettleIn time.Duration
	// SettleTries is how often it was asked.
	SettleTries int
	// CreatedAt is the time at which the charge counts.
	CreatedAt time.Time
	UpdatedAt time.Time
}

// ChargeStore keeps charges. A database that is away is problem.Unavailable.
type ChargeStore interface {
	// SaveCharge stores a charge of charge.UserID or takes an open one of the same
	// id and account to what it is now. One that is closed stays as it is, so a
	// charge can be saved again when a reply was lost. An owner without an account
	// is problem.NotFound.
	SaveCharge(ctx context.Context, charge Charge) error
	// DueCharges returns charges that are to be settled by now, by the database's
	// clock, at most limit. It takes them: they are due for nobody, but again after
	// the lease, and SettleTries counts this time.
	DueCharges(ctx context.Context, limit int, lease time.Duration) ([]Charge, error)
	// SettleCharge puts what the provider counts in the place of what a taken
	// charge holds, and so in its message, if that is still there, and in the
	// tokens of its conversation; the feed tells so. A charge that was settled or
	// given up meanwhile is problem.Conflict.
	SettleCharge(ctx context.Context, taken Charge, usage Usage, now time.Time) error
	// PutOffCharge makes a taken charge due after so long; 0 gives it up.
	PutOffCharge(ctx context.Context, taken Charge, wait time.Duration) error
}
