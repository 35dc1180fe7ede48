package chat

import (
	"strings"

	"github.com/shopspring/decimal"

	"dreamchat/pkg/problem"
)

// SumMoney adds exact decimals and writes no more digits than needed; of none it
// is "0". What is no decimal is problem.Internal.
func SumMoney(amounts ...string) (string, error) {
	sum, err := money(amounts...)
	return sum.String(), err
}

func money(amounts ...string) (sum decimal.Decimal, err error) {
	for _, amount := range amounts {
		value, err := decimal.NewFromString(amount)
		if err != nil {
			return sum, problem.Internal.Because(err, "A stored amount of money cannot be read.")
		}
		sum = sum.Add(value)
	}
	return sum, nil
}

func maxMoney(one, other string) (string, error) {
	first, err := money(one)
	if err != nil {
		return "", err
	}
	second, err := money(other)
	return decimal.Max(first, second).String(), err
}

// IsMoney tells whether a text is an amount as people write it, such as 1.50: not
// negative, with at most 12 digits before the point and 18 behind it.
func IsMoney(text string) bool {
	whole, fraction, pointed := strings.Cut(text, ".")
	digits := func(s string, most int) bool {
		return s != "" && len(s) <= most && strings.Trim(s, "0123456789") == ""
	}
	return digits(whole, 12) && (!pointed || digits(fraction, 18))
}

// cost is what so many tokens cost by the prices of the model, exactly; nil if a
// price that matters is not known. Reasoning is part of the completion.
func (m *Model) cost(promptTokens, completionTokens int) *string {
	prompt, known := priced(m.PricingInput, promptTokens)
	completion, alsoKnown := priced(m.PricingOutput, completionTokens)
	if !known || !alsoKnown {
		return nil
	}
	return new(prompt.Add(completion).String())
}

// priced needs no price for nothing.
func priced(price string, tokens int) (decimal.Decimal, bool) {
	if tokens == 0 {
		return decimal.Zero, true
	}
	value, err := decimal.NewFromString(price)
	return value.Mul(decimal.NewFromInt(int64(tokens))), err == nil
}

// bytesPerEstimate is how many bytes of UTF-8 count as one token where nobody has
// counted: about what English takes. Other languages take more tokens, but also
// more bytes.
const bytesPerEstimate = 4

// EstimateTokens is about how many tokens a text of so many bytes takes: one for
// every four, rounded up.
func EstimateTokens(bytes int) int {
	return (bytes + bytesPerEstimate - 1) / bytesPerEstimate
}
