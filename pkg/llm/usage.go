package llm

import (
	"encoding/json"
	"strconv"
	"strings"

	"dreamchat/pkg/chat"
)

type wireUsage struct {
	Prompt     int             `json:"prompt_tokens"`
	Completion int             `json:"completion_tokens"`
	Total      int             `json:"total_tokens"`
	Cost       json.RawMessage `json:"cost"`
	Details    struct {
		Reasoning int `json:"reasoning_tokens"`
	} `json:"completion_tokens_details"`
}

// readUsage reads a usage object; what is none, or cannot be read, is nil.
func readUsage(raw []byte) *chat.Usage {
	if len(raw) == 0 {
		return nil
	}
	var wire wireUsage
	if json.Unmarshal(raw, &wire) != nil {
		return nil
	}
	prompt, completion := tokens(wire.Prompt), tokens(wire.Completion)
	usage := &chat.Usage{
		PromptTokens:     prompt,
		CompletionTokens: completion,
		ReasoningTokens:  tokens(wire.Details.Reasoning),
		TotalTokens:      max(tokens(wire.Total), prompt+completion),
	}
	if cost, ok := decimal(strings.Trim(string(wire.Cost), `"`)); ok {
		usage.Cost = &cost
	}
	return usage
}

// tokens bounds a count, so that a sum of two can be stored in 32 bits.
func tokens(told int) int {
	const most = 1_000_000_000
	return min(max(told, 0), most)
}

// decimal writes a number that is not negative without an exponent, digit by
// digit, so that nothing is rounded.
func decimal(number string) (string, bool) {
	const most = 40 // digits on either side of the point
	number = strings.ToLower(number)
	mantissa, exponent, scientific := strings.Cut(number, "e")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := whole + fraction
	if digits == "" || strings.Trim(digits, "0123456789") != "" {
		return "", false
	}
	point := len(whole)
	if scientific {
		shift, err := strconv.Atoi(exponent)
		if err != nil || shift > most || shift < -most {
			return "", false
		}
		point += shift
	}
	if point < 0 {
		digits, point = strings.Repeat("0", -point)+digits, 0
	}
	if point > len(digits) {
		digits += strings.Repeat("0", point-len(digits))
	}
	whole, fraction = strings.TrimLeft(digits[:point], "0"), strings.TrimRight(digits[point:], "0")
	if len(whole) > most || len(fraction) > most {
		return "", false
	}
	if whole == "" {
		whole = "0"
	}
	if fraction == "" {
		return whole, true
	}
	return whole + "." + fraction, true
}
