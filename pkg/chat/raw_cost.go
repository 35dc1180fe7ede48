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

// estimate is what the request to the model may take. An answer without a limit may
// fill the model's window.
func (r *Raw) estimate(model *Model) Estimate {
	most := r.MaxTokens
	if most == 0 {
		most = max(model.ContextLength, DefaultMaxTokens)
	}
	var turns []json.RawMessage
	_ = json.Unmarshal(r.Members["messages"], &turns) // it is a list
	return model.estimateBytes(r.size(), len(turns), most*max(r.Choices, 1))
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
