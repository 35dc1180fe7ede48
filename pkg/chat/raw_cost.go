package chat

import (
	"bytes"
	"encoding/json"
	"strings"
)

// dataSize is what an image or the like is taken for, in bytes of text.
const dataSize = 6000

// size is about how many bytes of text a model is shown.
func (r *Raw) size() int {
	size := 0
	for _, name := range []string{"messages", "tools", "response_format"} {
		decoder := json.NewDecoder(bytes.NewReader(r.Members[name]))
		for {
			token, err := decoder.Token()
			if err != nil {
				break // the end
			}
			text, _ := token.(string)
			if isData(text) {
				size += dataSize
			} else {
				size += len(text)
			}
		}
	}
	return size
}

// isData tells images and the like from text: they are long and have no spaces.
func isData(text string) bool {
	const long = 1000
	return len(text) > long && !strings.ContainsFunc(text[:long], func(r rune) bool { return r <= ' ' || r > '~' })
}

// attachmentTokens is what an image or the like may take: about what the models that
// count most count for a large picture.
const attachmentTokens = 40_000

// estimate is what the request to the model may take. An answer without a limit may
// fill the model's window.
func (r *Raw) estimate(model *Model) Estimate {
	most := r.MaxTokens
	if most == 0 {
		most = max(model.ContextLength, DefaultMaxTokens)
	}
	prompt := TokenRange{Max: r.mostTokens()}
	prompt.Min = min(EstimateTokens(r.size()), prompt.Max)
	return model.price(prompt, TokenRange{Min: 1, Max: most * max(r.Choices, 1)})
}

// mostTokens is more than a model takes the request for: its JSON is no shorter than
// its texts, and a token has at least one byte.
func (r *Raw) mostTokens() int {
	tokens := turnTokens
	for name, member := range r.Members {
		if name != "messages" {
			tokens += len(member)
		}
	}
	var messages []json.RawMessage
	_ = json.Unmarshal(r.Members["messages"], &messages) // it is a list
	for _, message := range messages {
		tokens += turnTokens + len(message)
		for _, part := range attachments(message) {
			tokens += attachmentTokens - len(part)
		}
	}
	return tokens
}

// attachments are the parts of a message that are no text.
func attachments(message json.RawMessage) []json.RawMessage {
	var turn struct{ Content []json.RawMessage }
	if json.Unmarshal(message, &turn) != nil {
		return nil // the content is a text
	}
	var found []json.RawMessage
	for _, part := range turn.Content {
		var kind struct{ Type string }
		if json.Unmarshal(part, &kind) == nil && kind.Type != "text" {
			found = append(found, part)
		}
	}
	return found
}

// dearest is the estimate for the model that may take the most; that of any, if no
// price is known.
func (r *Raw) dearest(candidates []candidate) (Estimate, error) {
	var dearest Estimate
	for _, candidate := range candidates {
		estimate := r.estimate(&candidate.model)
		if estimate.Cost == nil {
			continue
		}
		if dearest.Cost == nil {
			dearest = estimate
			continue
		}
		most, err := maxMoney(dearest.Cost.Max, estimate.Cost.Max)
		if err != nil {
			return Estimate{}, err
		}
		dearest.Cost.Max = most
	}
	return dearest, nil
}
