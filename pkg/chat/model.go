package chat

import "time"

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
	// PricingInput and PricingOutput are exact decimals in USD per token.
	PricingInput  string
	PricingOutput string
	// ContextLength is the window in tokens, 0 if it is not known.
	ContextLength int
	IsActive      bool
	CreatedAt     time.Time
	UpdatedAt     time.Time
}
