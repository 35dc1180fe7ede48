package chat

import "context"

// turnTokens is what a provider's template may add around each turn, in tokens.
const turnTokens = 16

// Estimate is what an answer may take, told before it is asked for. No text takes
// more tokens than it has bytes, so Max is never passed; Min is about what English
// takes, and an answer of one token.
type Estimate struct {
	ModelID          string     `json:"modelId"`
	PromptTokens     TokenRange `json:"promptTokens"`
	CompletionTokens TokenRange `json:"completionTokens"`
	// Cost is nil if the model's price is not known.
	Cost *CostRange `json:"cost"`
}

// TokenRange is a number of tokens.
type TokenRange struct {
	Min int `json:"min"`
	Max int `json:"max"`
}

// CostRange holds exact decimals in USD.
type CostRange struct {
	Min string `json:"min"`
	Max string `json:"max"`
}

// estimate is what a request to the model may take.
func (m *Model) estimate(turns []Turn, maxTokens int) Estimate {
	bytes := 0
	for _, turn := range turns {
		bytes += len(turn.Content) + len(turn.ReasoningDetails)
	}
	prompt := TokenRange{Min: EstimateTokens(bytes), Max: bytes + turnTokens*(len(turns)+1)}
	return m.price(prompt, TokenRange{Min: 1, Max: maxTokens})
}

// price tells what so many tokens cost. No prompt is larger than the window.
func (m *Model) price(prompt, completion TokenRange) Estimate {
	if window := m.ContextLength; window > 0 {
		prompt.Min, prompt.Max = min(prompt.Min, window), min(prompt.Max, window)
	}
	estimate := Estimate{ModelID: m.ID, PromptTokens: prompt, CompletionTokens: completion}
	least, most := m.cost(prompt.Min, completion.Min), m.cost(prompt.Max, completion.Max)
	if least != nil && most != nil {
		estimate.Cost = &CostRange{Min: *least, Max: *most}
	}
	return estimate
}

// Estimate tells what the answer to a prompt may cost, without asking for it. Of
// the prompt it takes UserID, ConversationID, Content, ModelID and MaxTokens. The
// kinds of errors are those of Send that do not depend on other requests.
func (g *Generations) Estimate(ctx context.Context, prompt Prompt) (Estimate, error) {
	if err := checkContent(prompt.Content); err != nil {
		return Estimate{}, err
	}
	conversation, err := g.Talks.Conversation(ctx, prompt.UserID, prompt.ConversationID)
	if err != nil {
		return Estimate{}, err
	}
	model, _, err := g.Models.Resolve(ctx, prompt.ModelID, conversation.ModelID)
	if err != nil {
		return Estimate{}, err
	}
	if err := checkWindow(&model, prompt.Content); err != nil {
		return Estimate{}, err
	}
	return g.foresee(ctx, &conversation, &model, prompt.Content, prompt.MaxTokens)
}

// foresee estimates the answer to a question that is not stored yet; an empty one
// is that of the newest answer.
func (g *Generations) foresee(ctx context.Context, conversation *Conversation, model *Model, question string, asked *int) (Estimate, error) {
	maxTokens := DefaultMaxTokens
	if asked != nil {
		maxTokens = *asked
	}
	room := budget(model, maxTokens)
	history, err := g.recall(ctx, HistoryQuery{ConversationID: conversation.ID, Before: conversation.LastSeq + 1, ModelID: model.ID}, room)
	if err != nil {
		return Estimate{}, err
	}
	messages := history.Messages
	if question != "" {
		messages = append(messages, Message{Role: RoleUser, Content: question})
	}
	turns := trim(messages, room)
	return model.estimate(turns, answerRoom(model, maxTokens, turns)), nil
}
