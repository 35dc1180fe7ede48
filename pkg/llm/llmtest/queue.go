package llmtest

import (
	"context"
	"encoding/json"
	"slices"
)

// titleTokens is the limit by which the server's own requests for a title are
// known.
const titleTokens = 24

// queue is the scripts for one sort of requests, and the requests that came.
// The router's mu guards it.
type queue struct {
	scripts   [][]Step
	exchanges []*Exchange
	more      chan struct{} // closed when an exchange is added; nil while nobody waits
}

// take records an exchange and finds the script queued for it, if any.
func (q *queue) take(exchange *Exchange) (script []Step, queued bool) {
	q.exchanges = append(q.exchanges, exchange)
	if q.more != nil {
		close(q.more)
		q.more = nil
	}
	if len(q.scripts) == 0 {
		return nil, false
	}
	script, q.scripts = q.scripts[0], q.scripts[1:]
	return script, true
}

// ScriptTitle queues the script of one request for a title.
func (r *Router) ScriptTitle(steps ...Step) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.titles.scripts = append(r.titles.scripts, steps)
}

// Titles returns the requests for titles so far, oldest first.
func (r *Router) Titles() []*Exchange {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clip(r.titles.exchanges)
}

// AwaitTitle is Await for requests for titles.
func (r *Router) AwaitTitle(ctx context.Context, n int) (*Exchange, error) {
	return r.await(ctx, &r.titles, n)
}

// await returns the nth exchange of a queue as soon as it has come.
func (r *Router) await(ctx context.Context, q *queue, n int) (*Exchange, error) {
	for {
		r.mu.Lock()
		if len(q.exchanges) >= n {
			defer r.mu.Unlock()
			return q.exchanges[n-1], nil
		}
		if q.more == nil {
			q.more = make(chan struct{})
		}
		more := q.more
		r.mu.Unlock()
		select {
		case <-more:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

func asksForTitle(body []byte) bool {
	var request struct {
		MaxTokens int `json:"max_tokens"`
	}
	return json.Unmarshal(body, &request) == nil && request.MaxTokens == titleTokens
}
