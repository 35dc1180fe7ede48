package cache_test

import (
	"context"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"dreamchat/pkg/cache"
)

// database is one row with a number that only grows. told is the newest number
// whose change was told to its owner.
type database struct {
	row, told atomic.Int64
}

func (d *database) load(context.Context) ([]byte, error) {
	read := strconv.FormatInt(d.row.Load(), 10)
	for range rand.IntN(4) { // a slow way back
		_ = strconv.Quote(read)
	}
	return []byte(read), nil
}

func TestNobodyReadsAListOlderThanAFinishedChange(t *testing.T) {
	each(t, func(t *testing.T, view func() cache.Store) {
		first := newVersioned(view())
		instances := []*cache.Versioned{first, instance(first, view()), instance(first, view())}
		var rowsOf database
		var change sync.Mutex
		var wait sync.WaitGroup
		for worker := range 9 {
			lists := instances[worker%len(instances)]
			wait.Go(func() {
				for range 300 {
					if worker < len(instances) {
						change.Lock()
						number := rowsOf.row.Add(1)
						lists.Advance(t.Context(), "ann")
						rowsOf.told.Store(number)
						change.Unlock()
						continue
					}
					told := rowsOf.told.Load()
					text, err := lists.Get(t.Context(), "ann", "page", rowsOf.load)
					if err != nil {
						t.Error(err)
						return
					}
					if got, _ := strconv.ParseInt(string(text), 10, 64); got < told {
						t.Errorf("read %d after change %d was finished", got, told)
						return
					}
				}
			})
		}
		wait.Wait()
	})
}
