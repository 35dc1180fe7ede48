package chat

import (
	"sync"
	"time"

	"dreamchat/pkg/problem"
)

// MaxReaders bounds those who follow one answer at the same time on an instance.
const MaxReaders = 1000

// retryReader is when a reader who found no room may come again.
const retryReader = 5 * time.Second

// readers counts those who follow each answer.
type readers struct {
	mu    sync.Mutex
	count map[string]int // by the answer's id
}

// enter counts one more. The caller must leave.
func (r *readers) enter(messageID string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.count[messageID] >= MaxReaders {
		return problem.TooMany.New("Too many readers follow this answer.").After(retryReader)
	}
	if r.count == nil {
		r.count = make(map[string]int)
	}
	r.count[messageID]++
	return nil
}

func (r *readers) leave(messageID string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.count[messageID]--
	if r.count[messageID] == 0 {
		delete(r.count, messageID)
	}
}
