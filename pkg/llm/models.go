package llm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/problem"
)

const (
	listTimeout = 20 * time.Second
	maxList     = 16 << 20 // bytes
	maxListed   = 5000
	maxModelID  = 200  // characters, as a request may name one
	maxName     = 200  // characters
	maxAbout    = 1000 // characters of a description
)

var errNoList = errors.New("llm: the list of models cannot be read")

// wireModel is a model in OpenRouter's list; others tell the id and little else.
type wireModel struct {
	ID            string          `json:"id"`
	Name          string          `json:"name"`
	Description   string          `json:"description"`
	ContextLength json.RawMessage `json:"context_length"`
	Pricing       struct {
		Prompt     json.RawMessage `json:"prompt"`
		Completion json.RawMessage `json:"completion"`
	} `json:"pricing"`
}

// ListModels implements [chat.ModelLister] by GET /models. It takes 20 seconds
// at most. A list of more than 5000 models, or of none, is problem.Upstream.
// Models whose id cannot be stored are left out.
func (c *Client) ListModels(ctx context.Context) ([]chat.Listing, error) {
	_, body, err := c.get(ctx, inquiry{
		path: "/models", within: listTimeout, late: "The model provider took too long to list its models.", most: maxList,
	})
	if err != nil {
		return nil, err
	}
	return readList(body)
}

func readList(body []byte) ([]chat.Listing, error) {
	var list struct{ Data []wireModel }
	if len(body) > maxList {
		return nil, problem.Upstream.Because(errNoList, "The model provider's list of models is too long.")
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, problem.Upstream.Because(errNoList, "The model provider's list of models cannot be read.")
	}
	if len(list.Data) == 0 || len(list.Data) > maxListed {
		return nil, problem.Upstream.Because(fmt.Errorf("%w: it has %d", errNoList, len(list.Data)),
			"The model provider lists no models, or too many.")
	}
	listings := make([]chat.Listing, 0, len(list.Data))
	seen := make(map[string]bool, len(list.Data))
	for _, model := range list.Data {
		if seen[model.ID] || !nameable(model.ID) {
			continue
		}
		seen[model.ID] = true
		listings = append(listings, model.listing())
	}
	return listings, nil
}

// nameable tells whether a request can name a model by this id.
func nameable(id string) bool {
	odd := func(r rune) bool { return r <= ' ' || r == 0x7f || r == utf8.RuneError }
	return id != "" && utf8.RuneCountInString(id) <= maxModelID && !strings.ContainsFunc(id, odd)
}

func (m wireModel) listing() chat.Listing {
	return chat.Listing{
		ID:            m.ID,
		Name:          begin(m.Name, maxName),
		Description:   begin(m.Description, maxAbout),
		PricingInput:  listedPrice(m.Pricing.Prompt),
		PricingOutput: listedPrice(m.Pricing.Completion),
		ContextLength: listedLength(m.ContextLength),
	}
}

// listedPrice is nil if no price is told. One that is no decimal, or negative as
// that of a router that chooses among models, is not fixed.
func listedPrice(raw json.RawMessage) *string {
	text := strings.Trim(string(raw), `"`)
	if text == "" || text == "null" {
		return nil
	}
	price, _ := decimal(text)
	return &price
}

func listedLength(raw json.RawMessage) int {
	var told float64
	if json.Unmarshal(raw, &told) != nil || told < 1 || told > math.MaxInt32 {
		return 0
	}
	return int(told)
}

// begin is the start of a text that can be stored.
func begin(text string, most int) string {
	text = strings.ReplaceAll(strings.ToValidUTF8(text, "\ufffd"), "\x00", "")
	for i := range text {
		if most == 0 {
			return text[:i]
		}
		most--
	}
	return text
}
