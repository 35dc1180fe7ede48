package llm

import (
	"errors"
	"iter"
	"net/http"
	"sync"
	"time"

	"dreamchat/pkg/chat"
	"dreamchat/pkg/problem"
)

// Breaker spares a provider that fails again and again before the first token: it
// cannot be reached, is silent or answers with a status of 500 or more. Then the
// breaker is open: for a while requests are answered with problem.UpstreamBusy at
// once. After that one request in each such while is let through, until one gets
// its first token. It is safe for concurrent use once its fields are set.
type Breaker struct {
	// Failures is how many in a row open it.
	Failures int
	// Pause is how long nothing is let through.
	Pause time.Duration
	// OnChange is told when it opens and closes; nil tells nobody. It is called one
	// at a time and must not use the breaker.
	OnChange func(open bool)

	mu       sync.Mutex
	failures int
	open     bool
	next     time.Time // when a request is let through, if open
}

// guard passes on what the provider yields, unless the breaker is open. A nil
// breaker never is.
func (b *Breaker) guard(deltas iter.Seq2[chat.Delta, error]) iter.Seq2[chat.Delta, error] {
	if b == nil {
		return deltas
	}
	return func(yield func(chat.Delta, error) bool) {
		if err := b.refusal(); err != nil {
			yield(chat.Delta{}, err)
			return
		}
		begun := false
		for delta, err := range deltas {
			switch {
			case begun:
			case err != nil && isOutage(err):
				b.failed()
			case err == nil && begins(&delta):
				begun = true
				b.succeeded()
			}
			if !yield(delta, err) {
				return
			}
		}
	}
}

// refusal is why a request is not let through, if it is not.
func (b *Breaker) refusal() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.open {
		return nil
	}
	now := time.Now()
	if wait := b.next.Sub(now); wait > 0 {
		return resting.because(nil).After(wait)
	}
	b.next = now.Add(b.Pause)
	return nil
}

// paused is why work that can wait is not begun while nothing is let through, if
// that is so. It takes nobody's turn: what closes the breaker are answers.
func (b *Breaker) paused() error {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if wait := time.Until(b.next); b.open && wait > 0 {
		return resting.because(nil).After(wait)
	}
	return nil
}

func (b *Breaker) failed() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures++
	if b.failures < b.Failures {
		return
	}
	b.next = time.Now().Add(b.Pause)
	b.set(true)
}

func (b *Breaker) succeeded() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failures = 0
	b.set(false)
}

// set opens or closes the breaker. The caller holds mu.
func (b *Breaker) set(open bool) {
	if b.open == open {
		return
	}
	b.open = open
	if b.OnChange != nil {
		b.OnChange(open)
	}
}

// isOutage tells a provider that is in trouble from one that refuses a request,
// and from a caller who left.
func isOutage(err error) bool {
	var told *statusError
	if errors.As(err, &told) && told.status >= http.StatusBadRequest && told.status < http.StatusInternalServerError {
		return told.status == http.StatusRequestTimeout
	}
	return errors.Is(err, problem.Upstream) || errors.Is(err, problem.UpstreamBusy) || errors.Is(err, problem.UpstreamTimeout)
}
