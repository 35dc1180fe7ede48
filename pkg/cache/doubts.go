package cache

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// maxDoubts bounds the owners that are remembered one by one.
const maxDoubts = 10_000

// doubts are the owners whose last change the store may not know. The zero
// value is ready and has none.
type doubts struct {
	mu     sync.Mutex
	owners map[string]uint64
	marks  uint64
	// until is the end of a time in which nothing stored can be trusted, since
	// there were too many owners to remember.
	until time.Time
}

// mark adds a doubt about the owner; false means that there are too many.
func (d *doubts) mark(owner string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, known := d.owners[owner]; !known && len(d.owners) >= maxDoubts {
		return false
	}
	if d.owners == nil {
		d.owners = make(map[string]uint64)
	}
	d.marks++
	d.owners[owner] = d.marks
	return true
}

// of returns the newest mark of the owner, and whether there is one.
func (d *doubts) of(owner string) (uint64, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	mark, doubted := d.owners[owner]
	return mark, doubted
}

// settled removes the doubt if no newer mark was made since; only then is it
// true that the store knows.
func (d *doubts) settled(owner string, mark uint64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	newest, doubted := d.owners[owner]
	if doubted && newest == mark {
		delete(d.owners, owner)
		doubted = false
	}
	return !doubted
}

func (d *doubts) list() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Collect(maps.Keys(d.owners))
}

// blind doubts everything until then.
func (d *doubts) blind(until time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if until.After(d.until) {
		d.until = until
	}
}

func (d *doubts) blinded(now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return now.Before(d.until)
}
