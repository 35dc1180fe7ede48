package chat

import (
	"sync"
	"time"

	"dreamchat/pkg/problem"
)

const (
	// MaxReaders bounds those who follow one answer at the same time on an
	// instance.
	MaxReaders = 1000
	// MaxFeedReaders bounds those who follow one account's changes there.
	MaxFeedReaders = 100
	// retryReader is when a reader who found no room may come again.
	retryReader = 5 * time.Second
)

// readers counts those who follow something, by its id.
type readers struct {
	mu    sync.Mutex
	count map[string]int
}

// enter counts one more, unless there are limit already. The caller calls leave
// in the end, which may be done more than once.
func (r *readers) enter(id string, limit int) (leave func(), err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.count[id] >= limit {
		return nil, problem.TooMany.New("Too many readers follow this already.").After(retryReader)
	}
	if r.count == nil {
		r.count = make(map[string]int)
	}
	r.count[id]++
	return sync.OnceFunc(func() { r.leave(id) }), nil
}

func (r *readers) leave(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count[id]--
	if r.count[id] == 0 {
		delete(r.count, id)
	}
}
