package chat

import (
	"strings"
	"time"
)

// DemoModelID names the model that needs no network and no key.
const DemoModelID = "dreamchat/demo"

// Model is one language model of the catalogue (table ai_models).
type Model struct {
	// ID is the provider's name for the model, such as "openai/gpt-4o-mini".
	ID   string
	Name string
	// Provider names who serves the model: a key of [Providers].
	Provider    string
	Description string
	// PricingInput and PricingOutput are exact decimals in USD per token, empty
	// if the price is not known.
	PricingInput  string
	PricingOutput string
	// ContextLength is the window in tokens, 0 if it is not known.
	ContextLength int
	IsActive      bool
	// Delisted marks a model that is not active since its provider does not list
	// it any more.
	Delisted  bool
	CreatedAt time.Time
	UpdatedAt time.Time
}

// ModelQuery asks for some models.
type ModelQuery struct {
	// Provider is who serves the model; empty for anybody.
	Provider string
	// Search is a part of the id or of the name, in any case.
	Search string
	// Active is nil for both.
	Active *bool
}

// Matches tells whether the model is asked for.
func (q ModelQuery) Matches(model Model) bool {
	holds := func(text string) bool { return strings.Contains(strings.ToLower(text), strings.ToLower(q.Search)) }
	return (q.Provider == "" || q.Provider == model.Provider) &&
		(q.Active == nil || *q.Active == model.IsActive) &&
		(holds(model.ID) || holds(model.Name))
}
