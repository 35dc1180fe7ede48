package llm

import (
	"context"
	"io"
	"net/http"
	"strings"
	"time"

	"dreamchat/pkg/problem"
)

// inquiry is what is asked of a provider beside answers.
type inquiry struct {
	path   string // after BaseURL
	within time.Duration
	// late is the sentence for a provider that takes longer.
	late string
	most int64 // bytes that are read of the reply, and one more to show that there are
}

// get asks, and returns the reply to a request that succeeded. The status is 0 if
// there was none. An error is a problem of an Upstream kind, or the cause of ctx.
func (c *Client) get(ctx context.Context, ask inquiry) (status int, body []byte, err error) {
	run, cancel := context.WithTimeout(ctx, ask.within)
	defer cancel()
	request, err := http.NewRequestWithContext(run, http.MethodGet, strings.TrimRight(c.BaseURL, "/")+ask.path, http.NoBody)
	if err != nil {
		return 0, nil, problem.Internal.Because(err, "The request to the model provider cannot be built.")
	}
	c.setHeader(request.Header)
	request.Header.Set("Accept", "application/json")
	request.Header.Del("Content-Type")
	response, err := c.HTTP.Do(request)
	if err != nil {
		return 0, nil, callFailure(ctx, run, err, ask.late)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return response.StatusCode, nil, c.refusal(response, response.Body)
	}
	body, err = io.ReadAll(io.LimitReader(response.Body, ask.most+1))
	if err != nil {
		return 0, nil, callFailure(ctx, run, err, ask.late)
	}
	return response.StatusCode, body, nil
}

// callFailure tells whose time is over: the caller's, or ours, with this sentence.
func callFailure(ctx, run context.Context, err error, late string) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case run.Err() != nil:
		return problem.UpstreamTimeout.Because(err, late)
	default:
		return problem.Upstream.Because(err, "The model provider cannot be reached.")
	}
}
