package stream

import "sync"

// Hub holds the logs that are being written on this instance, by name. All
// methods are safe for concurrent use. The zero Hub is ready.
type Hub[E any] struct {
	mu   sync.RWMutex
	logs map[string]*Log[E]
}

// Create returns a new log under a name that is not in use. A log that stands
// under the name already is replaced, and its readers keep theirs.
func (h *Hub[E]) Create(name string) *Log[E] {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.logs == nil {
		h.logs = make(map[string]*Log[E])
	}
	log := new(Log[E])
	h.logs[name] = log
	return log
}

// Open returns the log of that name, and whether there is one.
func (h *Hub[E]) Open(name string) (*Log[E], bool) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	log, ok := h.logs[name]
	return log, ok
}

// Remove forgets the name. Readers that hold the log go on reading it.
func (h *Hub[E]) Remove(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.logs, name)
}

// Len is the number of logs held.
func (h *Hub[E]) Len() int {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return len(h.logs)
}
