package llm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode"

	"dreamchat/pkg/problem"
)

const (
	maxErrorBody = 64 << 10
	maxTold      = 300       // runes of the provider's own words
	maxWait      = time.Hour // that a provider may ask for
)

// failure makes a problem of what the provider told. The cause says no more
// than status and code: the provider's words may repeat what people wrote.
func (c *Client) failure(status int, f fault, wait time.Duration) *problem.Error {
	met := troubleOf(status)
	if f.flagged() {
		met = moderated
	}
	told := met.because(&statusError{status: status, code: clip(f.code()), kind: clip(f.kind())})
	if words := c.harmless(f.Message); words != "" && told.Kind != problem.UpstreamAuth {
		told = told.With("upstream", words)
	}
	if wait == 0 {
		wait = f.retryAfter()
	}
	return told.After(min(wait, maxWait))
}

// statusError is what a provider answered, without its words.
type statusError struct {
	status     int // 0 if none was told
	code, kind string
}

// Error implements error, for the log.
func (e *statusError) Error() string {
	return fmt.Sprintf("provider answered with status %d, code %q, type %q", e.status, e.code, e.kind)
}

// ProviderStatus is the status that the provider told, 0 for none.
func (e *statusError) ProviderStatus() int { return e.status }

// harmless is the start of a text of the provider, on one line; it is empty if
// the text holds our key, or a part of it that others must not see.
func (c *Client) harmless(text string) string {
	const secret, part = 8, 16 // shorter keys are placeholders, and words
	if n := len(c.Key); n >= secret {
		head, tail := c.Key[:min(part, n)], c.Key[n-secret:]
		if strings.Contains(text, head) || strings.Contains(text, tail) {
			return ""
		}
	}
	return clip(text)
}

// clip makes one line of at most maxTold runes.
func clip(text string) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\ufffd"))
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > maxTold {
		return string(runes[:maxTold-1]) + "…"
	}
	return text
}

// refusal explains a response that is not a stream.
func (c *Client) refusal(response *http.Response, body io.Reader) error {
	// What could be read of the body is enough, and nothing does as well.
	text, _ := io.ReadAll(io.LimitReader(body, maxErrorBody))
	var envelope struct {
		Error json.RawMessage `json:"error"`
	}
	isJSON := json.Unmarshal(text, &envelope) == nil
	f, told := readFault(envelope.Error)
	status := response.StatusCode
	wait := retryAfter(response.Header)
	switch {
	case status >= http.StatusBadRequest:
		return c.failure(status, f, wait)
	case told:
		return c.failure(f.status(), f, wait)
	case isJSON && status == http.StatusOK:
		return unstreamed.because(nil)
	default:
		return noStream.because(fmt.Errorf("provider answered with status %d, content type %q",
			status, clip(response.Header.Get("Content-Type"))))
	}
}

// transportFailure makes of what sending or reading failed with: the cause of
// the caller's context, or a problem; met is for what says no more of itself.
func (c *Client) transportFailure(ctx, run context.Context, err error, met trouble) error {
	var told *problem.Error
	var slow interface{ Timeout() bool }
	switch {
	case err == nil, errors.Is(err, errLeft):
		return err
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &told):
		return err
	case errors.Is(context.Cause(run), errSilent):
		return silent.because(err)
	case errors.Is(context.Cause(run), errLate):
		return late.because(err)
	case errors.As(err, &slow) && slow.Timeout():
		return tooSlow.because(err)
	default:
		return met.because(err)
	}
}
